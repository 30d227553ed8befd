"""What reps jot down instead of a transcript."""

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
