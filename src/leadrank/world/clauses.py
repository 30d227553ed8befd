"""What customers say, by topic and level, in pieces that `text` puts together.

CLAUSES[topic][level] are clauses that stand within a sentence, so that one may be denied, be
past, or be somebody else's. `{rival}` and `{partner}` are filled in per customer. Words occur
at all levels on purpose: what decides is who says it, of whom, and when.
"""

CLAUSES: dict[str, tuple[tuple[str, ...], ...]] = {
    "rival": (
        (
            "the {rival} is the one we like", "{rival} made us the better offer",
            "we are about to sign with {rival}", "the {rival} suits us better",
            "{rival} simply was quicker", "the {rival} is nearly settled",
            "I would rather have the {rival}", "the {rival} dealer won us over",
            "we have all but agreed with {rival}", "{rival} is what my heart says",
            "the people at {rival} took more trouble", "it will be the {rival} in the end",
            "we drove the {rival} twice and that was it",
        ),
        (
            "we are comparing you with {rival}", "the {rival} is still on the list",
            "we want to drive the {rival} too", "it is between you and {rival}",
            "we have an offer from {rival} beside yours", "neither you nor {rival} has won yet",
            "we have not seen the {rival} yet", "the {rival} and yours are level",
            "I keep two columns, one for {rival} and one for you",
            "we still have a date at {rival}",
        ),
        (
            "the {rival} is off the list", "{rival} let us down", "we have said no to {rival}",
            "nobody else is in the running", "the {rival} offer has lapsed and we let it",
            "we went off the {rival}", "you are the only ones we talk to",
            "the {rival} did not win us over", "{rival} never called back",
            "we crossed {rival} out", "the {rival} was a disappointment",
            "I have sent the {rival} papers back", "the {rival} is a thing of the past",
        ),
    ),
    "household": (
        (
            "my {partner} is against it", "my {partner} will not hear of a new car",
            "at home the answer is no", "my {partner} wants to keep the old one",
            "my {partner} has put a stop to it", "we quarrel about it at home",
            "my {partner} calls it madness", "I am alone in this at home",
            "my {partner} has said no twice", "nobody at home wants it but me",
            "my {partner} would rather have a kitchen",
        ),
        (
            "my {partner} has not made up {their} mind", "I still have to ask my {partner}",
            "my {partner} has not seen the car", "at home we have not talked it through",
            "my {partner} leaves it to me and then does not", "my {partner} wavers",
            "we have yet to sit down about it at home",
            "my {partner} says yes one day and no the next",
            "the children want it and my {partner} does not say",
        ),
        (
            "my {partner} is all for it", "at home everybody agrees",
            "my {partner} would take it tomorrow", "I decide that by myself",
            "my {partner} has come round", "my {partner} has given the green light",
            "my {partner} picked the colour", "there is nobody I would have to ask",
            "at home they ask when it comes", "my {partner} wants it more than I do",
            "we are of one mind at home",
        ),
    ),
    "budget": (
        (
            "the price is beyond us", "we cannot afford that rate",
            "the bank will not go along", "it costs more than we have",
            "the money has to go into the roof", "we are thousands apart",
            "the sum does not work out", "I would have to borrow from my brother",
            "the rate eats us up", "we have never paid so much",
            "the offer is out of our reach", "we were turned down for the loan",
        ),
        (
            "the price is at the upper end", "the rate would be tight",
            "it depends on what you give for the old one", "we would have to do the sums",
            "the money would do with a cheaper trim", "it would be a squeeze",
            "the down payment is the catch", "a bit less and we could talk",
            "it hinges on the bank",
        ),
        (
            "the price is fine", "the money is there", "the bank has agreed", "the rate fits",
            "we had reckoned with more", "we could pay it at once", "the loan has come through",
            "we put enough aside", "the rate is no trouble", "it is within what we planned",
            "the figure suits us", "I pay cash",
        ),
    ),
    "trust": (
        (
            "nobody rang back when it was promised", "I feel pushed",
            "I was told three different prices", "I do not believe the delivery date",
            "the last service went badly", "I am passed from one to the next",
            "you have let me wait for weeks", "the last bill was a cheek",
            "I was promised mats and got none", "somebody hung up on me",
            "your figures change every time", "I regret the last car from you",
        ),
        (
            "I do not know you well yet", "the service was all right",
            "I would like to have it in writing", "I have heard this and that about you",
            "we are new to you", "I cannot judge your house yet",
            "some speak well of you and some do not", "my last car was from elsewhere",
        ),
        (
            "you have always been straight with me", "the advice was honest",
            "I buy my cars from you", "the service has been first-rate",
            "what was promised was kept", "I like dealing with you",
            "your people know what they do", "I have been with you for years",
            "I was well looked after", "you have never sold me rubbish",
            "my father bought from you already", "your word has always held",
        ),
    ),
    "need": (
        (
            "the old one runs like clockwork", "we hardly drive",
            "the car passed its inspection", "it is more a dream than a need",
            "we get by without", "it is really for a friend that I ask",
            "we take the train anyway", "the old one has years left",
            "there is no call for a new one", "we only look out of curiosity",
            "two cars in the yard are enough",
        ),
        (
            "the old one gets on in years", "a change would be nice",
            "the old one has its moods", "it would be more comfortable",
            "the old one drinks too much", "something newer would not hurt",
            "the heating in the old one is gone", "it has become small for us",
        ),
        (
            "the old one has broken down for good", "we have no car at all",
            "the lease car goes back", "I need it to get to work",
            "the baby does not fit in the old one", "the repair is not worth it",
            "the engine is gone", "I start the new job and must drive",
            "the old one failed its inspection", "we hire a car every week",
            "I have to hand the company car back", "the old one is scrap",
        ),
    ),
    "intent": (
        (
            "we are not going to buy for now", "it is not a subject at the moment",
            "we have put it aside", "I only wanted to know the price",
            "nothing will come of it", "we are leaving it", "there will be no car this year",
            "I was just asking", "we have other worries", "it has fallen asleep",
            "we would rather not", "it was only an idea",
        ),
        (
            "we have not decided", "we are thinking it over", "I cannot say yes or no",
            "we go back and forth", "we are still looking around", "we are in two minds",
            "it may be or it may not be", "we are not there yet", "I have not made a decision",
            "it has to ripen a little",
        ),
        (
            "we have made up our minds", "we want that car", "only the papers are missing",
            "we would sign this one", "it is as good as done for us",
            "I want to get it settled", "we take it", "nothing stands in the way",
            "we just need the contract", "I am decided", "we could sign any day",
            "the choice has fallen",
        ),
    ),
    "calling": (
        (
            "I do not want to be rung up", "I come by myself when I am ready",
            "every call puts me off", "a mail would do", "I feel hunted by these calls",
            "I do not like to be asked every week", "I want to do this in peace",
        ),
        (
            "you can try again some time", "calling is fine either way", "I do not mind a call",
            "you may ring when you like", "a call more or less does not matter",
            "I pick up when I can",
        ),
        (
            "I would forget it if nobody rang", "it helps that you call",
            "I have questions that I cannot sort out alone",
            "somebody must take me through the papers",
            "without your call I would not get round to it", "talking it over helps me",
            "I lose track if nobody asks", "it is easier when you explain it",
        ),
    ),
}  # fmt: skip

#: Two clauses of which one is what counts: opening, middle, and whether the first counts. Each
#: frame takes any clause: the customer speaks of "I" and "my wife" in all of them.
CONTRASTS: tuple[tuple[str, str, bool], ...] = (
    ("A month ago I would have said that ", "; today I say that ", False),
    ("At first I said that ", ", but by now ", False),
    ("Now ", "; until lately I would have said that ", True),
    ("By now ", ", though in the beginning I said that ", True),
    ("My neighbour is sure that ", "; in truth ", False),
    ("The fact is that ", "; only my neighbour believes that ", True),
    ("Everybody thinks that ", "; the truth is that ", False),
    ("The truth is that ", "; everybody thinks that ", True),
    ("It is not that ", ", it is rather that ", False),
    ("It is rather that ", ", it is not that ", True),
    ("You must have noted that ", "; wrong, ", False),
    ("Write down that ", "; strike out that ", True),
)  # fmt: skip

#: How a sentence begins and ends; half the time as the customer is used to.
OPENINGS = (
    "Well, ", "To be honest, ", "Look, ", "You see, ", "So, ", "I mean, ", "Hm, ", "Oh, ",
    "Honestly, ", "Between us, ", "As I said, ", "Erm, ", "Right, ", "Now listen, ",
    "Let me think: ", "I will tell you how it is: ", "Yes well, ", "Ah, ",
    "Put it like this: ", "Sorry, ",
)  # fmt: skip
STOPS = (
    ".", ".", ".", ".", "!", ", you know.", ", mind you.", ", I tell you.", ", if you ask me.",
    ", so there.", ", there you have it.", ", let us say.", ", in a word.", ", as things are.",
    ", to put it plainly.", ", more or less.", "...", ", right?",
)  # fmt: skip
