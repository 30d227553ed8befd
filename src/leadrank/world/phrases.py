"""What reps write and customers say about each hidden trait, by level.

Level 0 speaks against an order, 1 is open, 2 speaks for one. The same words occur at every
level ("not looking at the Kestrel any more" is good news, "looking at it again" is not), tone
is no guide (a warm thank-you often means no, an impatient complaint often means now), so no
single keyword gives the answer. `{slot}` is filled from SLOTS; every filling is equally likely.
"""

from itertools import product
from string import Formatter

TRAITS = ("urgency", "rival", "household", "budget")

SLOTS: dict[str, tuple[str, ...]] = {
    "rival": ("Kestrel", "Aurion", "Volta", "Norden", "Sanko"),
    "partner": ("wife", "husband", "partner", "mother", "family"),
    "soon": ("the end of the month", "the holidays", "the new job starts", "the baby comes"),
    "later": ("next year", "the autumn after next", "the lease is up in two years"),
    "rate": ("monthly rate", "instalment", "down payment", "total"),
    "kind": ("Very friendly", "Lovely chat", "Polite as ever", "Nice talk"),
    "gruff": ("Short on the phone", "Impatient", "A bit rude", "Annoyed about the wait"),
}

NOTES: dict[str, tuple[tuple[str, ...], ...]] = {
    "urgency": (
        (
            "{kind}, will come back to us when the time is right.",
            "{kind}, thanked me twice, no need to ring again for now.",
            "{kind}; says we are first in line whenever the subject comes up.",
            "Is in no hurry, perhaps {later}.",
            "Old car passed inspection, so nothing presses before {later}.",
            "Would not say no, but would not fix a date either, for the third time.",
            "Only wanted the brochure for a friend.",
            "Happy to stay on the mailing list, does not want an appointment.",
        ),
        (
            "Looking around, something in the coming months.",
            "No fixed date yet, is gathering information before {soon} or so.",
            "Would like to see the car again some weekend.",
            "Says it depends on when the old one is sold.",
            "Not today and not never, asked me to keep in touch.",
            "Has time, but does not want to leave it until {later}.",
        ),
        (
            "{gruff}, only asked what is on the lot and can be plated at once.",
            "{gruff}; if it is not here before {soon} there is no point.",
            "Has to hand back the lease car, must be mobile by {soon}.",
            "Old car broke down for good, is borrowing one from a neighbour.",
            "Does not want to wait for a factory car, would take the display model.",
            "Asked twice how many days registration takes.",
            "Complained that nobody rang back, wanted the papers before {soon}.",
            "Cannot do without a car after {soon}.",
        ),
    ),
    "rival": (
        (
            "Is looking at the {rival} again.",
            "Our offer is on the table next to one from {rival}, theirs is the better one.",
            "Says ours is a fine car and that the {rival} dealer simply was quicker.",
            "Went to {rival} to say no and came out with a reservation.",
            "Praised our service, has all but settled with {rival}.",
            "Nothing wrong with our car, the {rival} just fits the garage.",
            "Wanted our price in writing to take it to {rival}.",
        ),
        (
            "Is comparing us with the {rival}, undecided.",
            "Has seen the {rival}, has not driven it.",
            "Asked how we differ from {rival}.",
            "Likes the {rival} boot and our seats.",
            "Neither we nor {rival} have convinced so far.",
            "Will drive the {rival} as well, to be fair to both.",
        ),
        (
            "Is not looking at the {rival} any more.",
            "Came back from {rival} less pleased than before.",
            "Had an offer from {rival} and let it lapse.",
            "Says the {rival} is a fine car, but not with that waiting list.",
            "Cancelled the appointment at {rival}.",
            "The {rival} was cheaper and still did not win.",
            "Found the {rival} too cramped behind, ours is not.",
        ),
    ),
    "household": (
        (
            "The {partner} was all for it and no longer is.",
            "Would love to, the {partner} has other plans for the garage.",
            "The {partner} does not see why the old one should go.",
            "Since the talk at home the {partner} answers the phone and says thanks.",
            "It is the {partner} who signs, and the {partner} will not come in.",
            "The {partner} asked us, quite nicely, not to call at home.",
        ),
        (
            "Has to talk to the {partner} first.",
            "The {partner} has not seen the car yet.",
            "The {partner} is neither for nor against.",
            "Wants to bring the {partner} along some time.",
            "They have not settled on a colour, let alone a car, at home.",
            "Waiting to hear what the {partner} thinks.",
        ),
        (
            "The {partner} was against it and no longer is.",
            "The {partner} has stopped arguing and picked the colour.",
            "Nobody at home needs convincing.",
            "Does not have to ask anyone, not even the {partner}.",
            "The {partner} wanted to know where to park it.",
            "The {partner} grumbled, then measured the garage.",
        ),
    ),
    "budget": (
        (
            "The {rate} is out of the question, said so very kindly.",
            "Laughed at the {rate}, wished me a good day.",
            "Would need a discount we do not give to anybody.",
            "Bank has not said no, it has stopped answering.",
            "The {rate} would have been fine before the move.",
            "Thinks the car is worth every cent, does not have them.",
        ),
        (
            "Finds the {rate} a little high.",
            "Asked what the {rate} is with a longer term.",
            "Wants to work out the {rate} again on paper.",
            "The trade-in value will decide.",
            "Could stretch to it if the winter tyres are included.",
            "No word from the bank so far, either way.",
        ),
        (
            "Does not mind the {rate}, only wants it in writing.",
            "Did not even ask for a discount.",
            "Haggled hard over the {rate}, then said all right.",
            "Bank has said yes, no loan from us needed.",
            "The {rate} is no obstacle, called it a bad joke and nodded.",
            "Sold the old one privately for more than we offered.",
        ),
    ),
}

SPEECH: dict[str, tuple[tuple[str, ...], ...]] = {
    "urgency": (
        (
            "You have been so helpful, I will be in touch if anything changes.",
            "I would not rule it out, but please do not keep the car for me.",
            "Maybe {later}, we will see.",
            "Thank you so much, I have everything I need for the moment.",
        ),
        (
            "We are still looking, there is no deadline.",
            "I could come by one of these weekends.",
            "Let me sell mine first, then we talk.",
            "Not this week. Ask me again.",
        ),
        (
            "I am not going to wait three months, what can I have before {soon}?",
            "I have been without a car since Tuesday.",
            "Why does nobody call me back? I need this settled by {soon}.",
            "Never mind the colour, which one could I drive home?",
        ),
    ),
    "rival": (
        (
            "Honestly, your car is great, but {rival} made it very easy for us.",
            "I did not think I would like the {rival}, and now I do.",
            "Could you send your price? {rival} asked me what you offer.",
        ),
        (
            "I am between you and the {rival}.",
            "I still want to sit in the {rival} first.",
            "What do you have that {rival} does not?",
        ),
        (
            "I liked the {rival} until I drove it.",
            "{rival} keeps calling, I do not pick up any more.",
            "It was going to be the {rival}, but not after that visit.",
        ),
    ),
    "household": (
        (
            "My {partner} said yes at first, you know how it goes.",
            "I am sold, my {partner} is anything but.",
            "Better not call in the evening, my {partner} is tired of the subject.",
        ),
        (
            "I will have to ask my {partner}.",
            "My {partner} is undecided, and so am I.",
            "Can I bring my {partner} next time?",
        ),
        (
            "My {partner} does not object any more.",
            "It is my decision, nobody else's.",
            "My {partner} keeps asking when it comes.",
        ),
    ),
    "budget": (
        (
            "It is a fair price, just not for us.",
            "I wish I could, with that {rate} I cannot.",
            "The bank was very nice about it, sadly.",
        ),
        (
            "What would the {rate} be over five years?",
            "Is that your last word on the {rate}?",
            "It depends on what you give me for mine.",
        ),
        (
            "The {rate} is not the problem.",
            "I am not happy about the {rate}, but fine.",
            "I do not need your financing, thanks.",
        ),
    ),
}

SMALL_TALK: tuple[str, ...] = (
    "",
    "",
    "",
    "Line was bad.",
    "Asked about the towbar.",
    "Talked about the weather.",
    "Prefers the blue one.",
    "Has two dogs.",
    "Asked for our opening hours.",
    "Wanted to know about the winter tyres.",
    "Called from the train.",
    "Likes the seat heating.",
)

AFTER_ORDER: tuple[str, ...] = (
    "Signed, deposit is in.",
    "Talked through the delivery date.",
    "Contract countersigned, plates ordered.",
)
AFTER_DEFEAT: tuple[str, ...] = (
    "Lead closed, nothing to be done for now.",
    "Asked to be taken off the list.",
    "Closed after the third missed call.",
)


def fillings(template: str) -> list[str]:
    """Every sentence that a template stands for."""
    slots = sorted({slot for _, slot, _, _ in Formatter().parse(template) if slot})
    choices = product(*(SLOTS[slot] for slot in slots))
    return [template.format(**dict(zip(slots, choice, strict=True))) for choice in choices]
