"""A rep's questions and what is answered: what the answer means is in the question.

QUESTIONS[topic] are those whose Yes speaks for an order, then those whose Yes speaks against.
"""

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

#: Answers that fit any question: none repeats a verb or says whether the news is good.
YES = (
    "Yes.", "Yes, yes.", "Mhm, yes.", "I would say so.", "Well, yes.", "Oh yes.", "Certainly.",
    "Yes, to be honest.", "Yes, I must say.", "One could say so, yes.",
)  # fmt: skip
NO = (
    "No.", "No, no.", "Nope.", "Oh no.", "Well, no.", "I would not say so.", "Not really, no.",
    "No, to be honest.", "No, I must say.", "Certainly not.",
)  # fmt: skip
HEDGE = (
    "Hard to say.", "Well, yes and no.", "Ask me something easier.", "In a way.",
    "Not easy to say.", "I could not tell you.",
)  # fmt: skip

#: A verdict on whoever the rep has just asked about.
ABOUT_RIVAL = (
    "How was it at {rival}?", "And {rival}, how was your visit there?",
    "What did you think of {rival}?", "You went to see {rival}, did you not?",
)  # fmt: skip
ABOUT_US = (
    "How was your visit with us?", "How did you like it with us?",
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
