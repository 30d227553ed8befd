"""What fills a conversation and decides nothing: greetings, weather, and reps who talk.

The rep's lines use the words of customers' statements on purpose.
"""

GREETINGS = (
    "Rep: Good morning, {rep} from the dealership, is this a good time?",
    "Rep: Hello, {rep} here, about your enquiry.",
    "Rep: Hi, it is {rep}, you had asked about the {model}.",
    "Rep: Good afternoon, this is {rep}. Have you got two minutes?",
    "Rep: {rep} speaking, I am ringing about the {model}.",
    "Rep: Hello again, {rep} here.", "Rep: {rep}, good day. Did my mail reach you?",
    "Rep: It is me once more, {rep}. How are things?",
    "Rep: This is {rep}. You had left a message.", "Rep: Hi there, {rep} from the showroom.",
    "Rep: {rep} here; we spoke about the {model}.",
)  # fmt: skip
ANSWERS_WARM = (
    "Customer: Oh, how nice that you ring!", "Customer: Hello, hello. Yes, go ahead.",
    "Customer: Good to hear you.", "Customer: Ah, the dealership. Lovely.",
    "Customer: Yes, gladly, I was just having coffee.", "Customer: I was thinking of you!",
    "Customer: Of course I have time.", "Customer: How are you? Well, I hope.",
    "Customer: There you are, hello!", "Customer: Go ahead, I am listening.",
)  # fmt: skip
ANSWERS_CURT = (
    "Customer: Yes?", "Customer: Make it quick.", "Customer: I am driving.",
    "Customer: Hm.", "Customer: Who? Ah. Well.", "Customer: What is it?",
    "Customer: I am at work.", "Customer: Two minutes.", "Customer: Speaking.",
    "Customer: It is a bad moment.", "Customer: Go on.",
)  # fmt: skip
CUSTOMER_TALK = (
    "Customer: What weather, though.", "Customer: Sorry, the dog. Quiet!",
    "Customer: I was at the dentist all morning.", "Customer: You are hard to hear.",
    "Customer: My {partner} sends regards.", "Customer: We were at the lake last month.",
    "Customer: My brother drives {rival}, he is content.",
    "Customer: One moment, somebody is at the door.", "Customer: Traffic was dreadful.",
    "Customer: The children have got the flu.", "Customer: Is it still in blue, by the way?",
    "Customer: My {partner} bought a bicycle, imagine.",
    "Customer: How big is the boot?", "Customer: Does it come with a tow bar?",
    "Customer: I saw the {model} in town.", "Customer: The brochure has come, thank you.",
    "Customer: My knee is bad again.", "Customer: The neighbours are drilling, sorry.",
    "Customer: We were away with my {partner}.", "Customer: You sound cheerful, {rep}.",
    "Customer: Our daughter has passed her test.", "Customer: I parked in the rain.",
    "Customer: My boss drives {rival}, dreadful colour.", "Customer: Can it tow a horse?",
    "Customer: Does it fit a garage of the fifties?", "Customer: The match was a disaster.",
    "Customer: That is my {partner} laughing, sorry.", "Customer: What do the seats cost?",
)  # fmt: skip
REP_TALK = (
    "Rep: I could do something about the rate until the end of the month.",
    "Rep: Your {partner} is welcome to come along.",
    "Rep: The {rival} has a long waiting list, as you know.",
    "Rep: There is one on the lot that could be plated next week.",
    "Rep: The bank is quick these days.", "Rep: We have an open day next month.",
    "Rep: I can hold the price for two weeks.", "Rep: Many come to us from {rival}.",
    "Rep: The test drive takes half an hour.", "Rep: I will put the offer in writing.",
    "Rep: The old one we would take in part payment.", "Rep: It has the large battery.",
    "Rep: No hurry on our side.", "Rep: Other customers sign within a week.",
    "Rep: The price has not moved.", "Rep: Trust me, it is a good car.",
    "Rep: Winter tyres I could throw in.", "Rep: The {rival} people copy us.",
    "Rep: We are open until eight.", "Rep: I can call the bank for you.",
    "Rep: Some decide at once, some need months.", "Rep: A colleague will look at the old one.",
)  # fmt: skip
CLOSINGS_WARM = (
    "Customer: Thank you so much, till soon!", "Customer: You are a dear. Goodbye.",
    "Customer: That was kind. Have a nice day.", "Customer: Thanks, I will be in touch.",
    "Customer: Bye bye, and regards to the others.", "Customer: I was glad you called.",
    "Customer: Lovely talking to you.", "Customer: Keep well.",
)  # fmt: skip
CLOSINGS_CURT = (
    "Customer: Bye.", "Customer: That will do.", "Customer: I have to go.", "", "",
    "Customer: Fine.", "Customer: Right then.", "Customer: Enough.", "Customer: So long.",
)  # fmt: skip
ONE_WORD = (
    "Customer: Hello? ... Hello?", "Customer: Not now.", "Customer: Wrong number.",
    "Customer: Yes. No. Bye.", "Customer: In a meeting.", "Customer: Hm.", "(noise)",
    "Customer: Later.", "", "", "Rep: Hello? Can you hear me?", "Customer: Busy.",
    "Customer: Call tomorrow.", "(music)", "Customer: No.", "Customer: On a train, the line is",
)  # fmt: skip
NOTE_TALK = (
    "nice chat", "v. friendly", "short on phone", "grumpy", "kids in background",
    "asked re tow bar", "sent brochure", "asked colour blue", "talks a lot", "polite",
    "promised to ring", "has my card", "mailbox first, then reached", "dog barking",
    "spoke softly", "asked re boot size", "was in car", "sent link", "wants black seats",
    "third try", "told me of holiday", "line bad",
)  # fmt: skip
APPOINTMENT = (
    "Rep: Then I put you down for a drive. Customer: Do that.",
    "Customer: I would like to sit in it once. Rep: I make an appointment.",
    "Rep: Come by and drive it. Customer: All right.",
)  # fmt: skip

DATES: dict[str, tuple[str, ...]] = {
    "NOW": (
        "Customer: It has to be this week.", "Customer: I want it settled in the next days.",
        "Customer: Tomorrow, if it were up to me.", "Customer: We decide on the weekend.",
    ),
    "WEEK": (
        "Customer: In a week we know.", "Customer: Next week is when we decide.",
        "Customer: Give us a week or so.", "Customer: After next weekend it is settled.",
    ),
    "WEEKS": (
        "Customer: In about {n} weeks we want to have it done.",
        "Customer: It will be {n} weeks until we decide.",
        "Customer: The lease ends in {n} weeks, then it must be settled.",
        "Customer: In {n} weeks, not before.", "Customer: We gave ourselves {n} weeks.",
        "Customer: Ask me in {n} weeks, that is the day.",
    ),
    "THIS_MONTH": (
        "Customer: This month still, that is the plan.",
        "Customer: We decide before the month is out.",
        "Customer: It should be done this month.",
    ),
    "NEXT_MONTH": (
        "Customer: Next month is when we mean to decide.", "Customer: Not before next month.",
        "Customer: Next month the money comes, then we talk business.",
    ),
    "MONTH": (
        "Customer: We are thinking of {month}.", "Customer: {month}, that is when we decide.",
        "Customer: Not before {month}, no matter what.",
        "Customer: It should be there by {month}.",
        "Customer: In {month} the contract runs out.",
        "Customer: It comes to a head in {month}.", "Customer: I have {month} in mind.",
    ),
    "NO_DATE": (
        "Customer: There is no date.", "Customer: Some day. I cannot say when.",
        "Customer: We are in no hurry, none at all.", "Customer: When it happens, it happens.",
    ),
    "OVERDUE": (
        "Customer: It should have been decided weeks ago.",
        "Customer: We have put it off again.",
        "Customer: The date has gone by, what can one do.",
    ),
}  # fmt: skip
#: The same words from the rep mean nothing.
REP_DATES = (
    "Rep: I could have one here by {month}.", "Rep: Prices rise in {month}, I am told.",
    "Rep: Next month there is a bonus.", "Rep: Delivery takes {n} weeks.",
    "Rep: This month the rate is special.", "", "", "", "", "",
)  # fmt: skip
RIVALS = ("Kestrel", "Aurion", "Volta", "Norden", "Sanko", "Belmont")
PARTNERS = ("wife", "husband", "partner", "mother", "father")
REPS = ("Marta", "Jonas", "Aylin", "Pavel", "Ines", "Colm", "Ruth", "Tomas")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
NUMBERS = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
)  # fmt: skip
#: What a machine that listens writes instead.
MISHEARD: tuple[dict[str, str], ...] = (
    {" lease ": " least ", " rate ": " weight ", " we ": " wee ", " by ": " buy "},
    {" price ": " prize ", " car ": " cart ", " not ": " knot ", " week": " weak"},
    {" bank ": " thank ", " the ": " a ", " for ": " four ", " drive": " dry"},
)
