"""What customers say, by topic and level, in pieces that `text` puts together.

CLAUSES[topic][level] are clauses that stand within a sentence, so that one may be denied, be
past, or be somebody else's. QUESTIONS[topic] are a rep's questions whose Yes speaks for an
order, and whose Yes speaks against one. IDIOMS[topic][level] are whole turns, some of them
polite, sour or sarcastic. `{rival}` and `{partner}` are filled in per customer. Words occur at
all levels on purpose: what decides is who says it, of whom, and when.
"""

CLAUSES: dict[str, tuple[tuple[str, ...], ...]] = {
    "rival": (
        (
            "the {rival} is the one we like", "{rival} made us the better offer",
            "we are about to sign with {rival}", "the {rival} suits us better",
            "{rival} simply was quicker", "the {rival} is nearly settled",
            "I would rather have the {rival}", "the {rival} dealer won us over",
        ),
        (
            "we are comparing you with {rival}", "the {rival} is still on the list",
            "we want to drive the {rival} too", "it is between you and {rival}",
            "we have an offer from {rival} beside yours", "neither you nor {rival} has won yet",
        ),
        (
            "the {rival} is off the list", "{rival} let us down",
            "we have said no to {rival}", "nobody else is in the running",
            "the {rival} offer has lapsed and we let it", "we went off the {rival}",
            "you are the only ones we talk to", "the {rival} did not win us over",
        ),
    ),
    "household": (
        (
            "my {partner} is against it", "my {partner} will not hear of a new car",
            "at home the answer is no", "my {partner} wants to keep the old one",
            "my {partner} has put a stop to it", "we quarrel about it at home",
        ),
        (
            "my {partner} has not made up {their} mind", "I still have to ask my {partner}",
            "my {partner} has not seen the car", "at home we have not talked it through",
            "my {partner} leaves it to me and then does not",
        ),
        (
            "my {partner} is all for it", "at home everybody agrees",
            "my {partner} would take it tomorrow", "I decide that by myself",
            "my {partner} has come round", "my {partner} has given the green light",
        ),
    ),
    "budget": (
        (
            "the price is beyond us", "we cannot afford that rate",
            "the bank will not go along", "that is more than we have",
            "the money has to go into the roof", "we are thousands apart",
        ),
        (
            "the price is at the upper end", "the rate would be tight",
            "it depends on what you give for the old one", "we would have to do the sums",
            "the money would do with a cheaper trim",
        ),
        (
            "the price is fine", "the money is there",
            "the bank has agreed", "the rate fits", "we had reckoned with more",
            "we could pay it at once",
        ),
    ),
    "trust": (
        (
            "nobody rang back when it was promised", "I feel pushed",
            "I was told three different prices", "I do not believe the delivery date",
            "the last service went badly", "I am passed from one to the next",
        ),
        (
            "I do not know you well yet", "the service was all right",
            "I would like to have it in writing", "I have heard this and that about you",
        ),
        (
            "you have always been straight with me", "the advice was honest",
            "I buy my cars from you", "the service has been first-rate",
            "what was promised was kept", "I like dealing with you",
        ),
    ),
    "need": (
        (
            "the old one runs like clockwork", "we hardly drive",
            "the car passed its inspection", "it is more a dream than a need",
            "we get by without", "it is really for a friend that I ask",
        ),
        (
            "the old one gets on in years", "a change would be nice",
            "the old one has its moods", "it would be more comfortable",
        ),
        (
            "the old one has broken down for good", "we have no car at all now",
            "the lease car goes back", "I need it to get to work",
            "the baby does not fit in the old one", "the repair is not worth it",
        ),
    ),
    "intent": (
        (
            "we are not going to buy for now", "it is not a subject at the moment",
            "we have put it aside", "I only wanted to know the price",
            "nothing will come of it", "we are leaving it",
        ),
        (
            "we have not decided", "we are thinking it over", "I cannot say yes or no",
            "we go back and forth", "we are still looking around",
        ),
        (
            "we have made up our minds", "we want that car",
            "it is only about the papers now",
            "we would sign this one", "it is as good as done for us",
            "I want to get it settled",
        ),
    ),
    "calling": (
        (
            "I do not want to be rung up", "I come by myself when I am ready",
            "every call puts me off", "a mail would do",
        ),
        ("you can try again some time", "calling is fine either way", "I do not mind a call"),
        (
            "I would forget it if nobody rang", "it helps that you call",
            "I have questions that I cannot sort out alone",
            "somebody must take me through the papers",
        ),
    ),
}  # fmt: skip

QUESTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "rival": (
        ("Is the {rival} off the table?", "So we are the only ones you talk to?",
         "Have you told {rival} no?"),
        ("Is the {rival} your favourite?", "Are you going to sign with {rival}?",
         "Has {rival} made you the better offer?"),
    ),
    "household": (
        ("Does your {partner} agree?", "Is everybody at home for it?",
         "Has your {partner} come round?"),
        ("Is your {partner} against it?", "Does your {partner} want to keep the old one?",
         "Is there trouble at home about it?"),
    ),
    "budget": (
        ("Does the rate fit?", "Is the money there?", "Has the bank agreed?"),
        ("Is the price a problem?", "Is the rate too high?", "Is it beyond what you have?"),
    ),
    "trust": (
        ("Were you happy with us?", "Did we keep our word?", "Was the advice any good?"),
        ("Did we let you down?", "Do you feel pushed?", "Is there something we did wrong?"),
    ),
    "need": (
        ("Do you need the car soon?", "Is the old one done for?",
         "Would you be stuck without?"),
        ("Does the old one still run well?", "Could you get by without?",
         "Is it for somebody else that you ask?"),
    ),
    "intent": (
        ("Have you made up your minds?", "Shall I get the papers ready?",
         "Is it our car, then?"),
        ("Have you dropped the plan?", "Was it only about the price list?",
         "Shall I close the file?"),
    ),
    "calling": (
        ("Does it help when I call?", "Shall I ring and take you through it?",
         "Is it good that I call?"),
        ("Do my calls bother you?", "Would you rather I left you in peace?",
         "Is a mail enough for you?"),
    ),
}  # fmt: skip

#: Answers to any question.
YES = (
    "Yes.", "Yes, it is like that.", "I would say so.", "That is right.", "Mhm, yes.",
    "Yes, yes.", "You could put it that way.", "Afraid so.", "Certainly.", "It is, yes.",
)  # fmt: skip
NO = (
    "No.", "No, not at all.", "Not that I know.", "No, why?", "I would not say that.",
    "Not really, no.", "Nope.", "Oh no.", "Not any more.", "No, no.",
)  # fmt: skip
HEDGE = (
    "Hard to say.", "Partly.", "Well, yes and no.", "Ask me something easier.",
    "In a way.", "Let me put it like this: we will see.",
)  # fmt: skip

#: A verdict on whoever the rep has just asked about.
ABOUT_RIVAL = (
    "How was it at {rival}?", "And the {rival}, how did it drive?",
    "What did you think of {rival}?", "You went to see {rival}, did you not?",
)  # fmt: skip
ABOUT_US = (
    "How was your visit with us?", "How did you like our car?",
    "And what did you think of us?", "You were here the other day, were you not?",
)  # fmt: skip
GOOD = (
    "Fine, really. Friendly people, a good drive, nothing to complain of.",
    "I was taken with it, I must say.", "Better than I thought, honestly.",
    "They took their time, it was a pleasure.", "Lovely. I could have driven on.",
    "Very good, the offer too.",
)  # fmt: skip
BAD = (
    "Oh, wonderful. An hour in a corner with cold coffee.",
    "Great, if you like being ignored.", "Too cramped, too dear, and we waited.",
    "I had hoped for more, to be honest.", "Well. Once was enough.",
    "Lovely brochure. The rest, no.",
)  # fmt: skip

IDIOMS: dict[str, tuple[tuple[str, ...], ...]] = {
    "rival": (
        ("Nothing against you, but {rival} has already got our deposit in mind.",
         "You are very kind. {rival} was kind and cheaper.",
         "I will be frank, it looks like {rival}."),
        ("{rival} says one thing and you say another, so we look on.",
         "Let us see what {rival} comes up with."),
        ("{rival} had their chance, thank you very much.",
         "Fourteen months they want us to wait at {rival}. Fourteen!",
         "Do not mention {rival} to me."),
    ),
    "household": (
        ("You know how it is, I would, but I am not asked.",
         "If I bring that up again I sleep on the sofa."),
        ("That will be settled at the kitchen table, not on the phone.",
         "My {partner} has to sit in it first."),
        ("My {partner} asks every evening when it comes.",
         "It was my {partner} who told me to ring you."),
    ),
    "budget": (
        ("For that money I expect it to cook as well.",
         "Great price, if one owns an oil well.", "We are not a bank."),
        ("Something would have to move on the price.",
         "With mats and winter tyres we could talk."),
        ("Money is not what we will fall out over.",
         "I had the figure checked, it is in order."),
    ),
    "trust": (
        ("Your colleague promised to ring on Monday. Which Monday, he did not say.",
         "I have heard a lot of promises by now."),
        ("We will see how it goes.", "Put it in a mail, then I have it black on white."),
        ("I do not run to three dealers, I come to you.",
         "Give my regards to the workshop, they did well."),
    ),
    "need": (
        ("What we have will outlive us.", "I just like looking at cars, I admit it."),
        ("One gets tired of a car after nine years.", "It rattles, but it rattles reliably."),
        ("I am standing at a bus stop as we speak.",
         "They towed it off last week, that was that.",
         "What can be plated at once? I do not care about the colour."),
    ),
    "intent": (
        ("That is so kind of you. We will come back to you when the time is right.",
         "Sounds lovely, thank you, thank you, I will be in touch.",
         "Very interesting. Leave me your number, I will ring.",
         "We think the world of you. Another time."),
        ("Give me time.", "I have to sleep on it, and then again.",
         "Send me that once more, please."),
        ("How long does this take now? I want to be done with it.",
         "Stop selling, I have said yes already.",
         "What do you need from me, the passport or also a payslip?"),
        ("We have a car now, thank you.", "It has become another one, sorry.",
         "You are too late, it stands in the drive already.",
         "We bought last week, not from you.", "The matter is settled, we signed elsewhere."),
    ),
    "calling": (
        ("You again!", "If I need something I know where you are.",
         "Is there a list that one can get off?"),
        ("Ring or do not ring, as you like.",),
        ("Good that you ring, I would have put it off for ever.",
         "Wait, let me get a pen, I have a whole list."),
    ),
}  # fmt: skip

#: Two clauses of which one is what counts: opening, middle, and whether the first counts.
CONTRASTS: tuple[tuple[str, str, bool], ...] = (
    ("A month ago I would have said that ", "; today it is that ", False),
    ("At first ", ", but by now ", False),
    ("Now ", "; it used to be that ", True),
    ("By now ", ", though in the beginning ", True),
    ("My neighbour keeps saying ", "; with us it is that ", False),
    ("With us it is that ", "; my neighbour keeps saying ", True),
    ("Everybody thinks ", ", the truth is that ", False),
    ("The truth is that ", ", everybody thinks ", True),
    ("It is not that ", ", it is rather that ", False),
    ("It is rather that ", ", it is not that ", True),
    ("You must have noted that ", "; wrong, ", False),
    ("Write down that ", "; what stands there, that ", True),
)  # fmt: skip

OPENINGS = (
    "Well, ", "To be honest, ", "Look, ", "You see, ", "So, ", "I mean, ", "", "", "",
    "Between us, ", "As I said, ", "Erm, ", "Right, ",
)  # fmt: skip

#: What a rep notes, by topic and level.
NOTES: dict[str, tuple[tuple[str, ...], ...]] = {
    "rival": (
        ("leans {rival}", "{rival} ahead of us", "will prob. go {rival}"),
        ("cmp w/ {rival}", "{rival} offer on table", "us or {rival}, open"),
        ("{rival} out", "no longer w/ {rival}", "only us"),
    ),
    "household": (
        ("{partner} vs", "no from {partner}", "home: veto"),
        ("{partner} undecided", "must ask {partner}"),
        ("{partner} ok", "decides alone or {partner} ok", "home: yes"),
    ),
    "budget": (
        ("price too high", "financing refused", "budg. way short"),
        ("budg. tight", "depends on trade-in"),
        ("budg. ok", "fin. approved", "price no issue"),
    ),
    "trust": (
        ("annoyed w/ us", "complaint, see mail", "trust low"),
        ("neutral", "wants it in writing"),
        ("regular, happy w/ us", "trusts us"),
    ),
    "need": (
        ("no real need", "old car fine", "browsing"),
        ("would be nice to have", "old car ageing"),
        ("needs car", "old one dead", "lease return"),
    ),
    "intent": (
        ("cold", "not now", "polite no"),
        ("undecided", "thinking"),
        ("hot", "wants to sign", "ready"),
        ("bought elsewhere", "lost to other make"),
    ),
    "calling": (
        ("no calls pls", "comes by himself/herself"),
        ("cb ok",),
        ("call helps, cb!", "needs guiding"),
    ),
}  # fmt: skip
