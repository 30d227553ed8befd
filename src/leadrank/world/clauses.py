"""What customers say, by topic and level, in pieces that `text` puts together.

CLAUSES[topic][level] are clauses that stand within a sentence, so that one may be denied, be
past, or be somebody else's. QUESTIONS[topic] are a rep's questions whose Yes speaks for an
order, and whose Yes speaks against one. `{rival}` and `{partner}` are filled in per customer.
Words occur at all levels on purpose: what decides is who says it, of whom, and when.
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
            "the bank will not go along", "it costs more than we have",
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
