"""What an audited tier is worth, in a word and in sentences that claim no more than shown."""

from collections.abc import Sequence
from typing import Literal

from leadrank.audit.tier_audit import TierAudit
from leadrank.funnel.split import FEWEST

#: One field tells the winner this often: the pair teaches that field and nothing else.
SHORTCUT = 0.95
#: A tier of which (nearly) every pair holds an order says what the labels say.
ALL_ORDERS = 0.995

#: A tier that teaches so much less (AUC) than the labels pulls away from what they know.
WEAKER = 0.05

Worth = Literal[
    "empty", "few orders", "shortcut", "orders", "misleads", "says little", "weaker", "agrees"
]


def worth(tier: TierAudit, labels_alone: float) -> Worth:
    """A tier's worth, by the first of these that holds.

    `empty`: no pairs. `few orders`: fewer than ten leads ordered, which judge nothing.
    `shortcut`: one field tells the winner in 95 % of the pairs. `orders`: every pair holds an
    order, so it repeats the labels. `misleads`: the 95 % interval of `teaches` or of `agrees`
    lies below 1/2. `says little`: one of them includes 1/2, or has too few pairs. `weaker`:
    both lie above, but `teaches` at least 0.05 below `labels_alone` (AUC of orders by a score
    learned from orders alone, out of fold). `agrees`: the rest.
    """
    if not tier.pairs:
        return "empty"
    if tier.ordered < FEWEST:
        return "few orders"
    if tier.told >= SHORTCUT:
        return "shortcut"
    if tier.with_order >= ALL_ORDERS:
        return "orders"
    if tier.teaches.high < 0.5 or tier.agrees.high < 0.5:
        return "misleads"
    if not (tier.teaches.low > 0.5 and tier.agrees.low > 0.5):
        return "says little"
    return "weaker" if tier.teaches.high < labels_alone - WEAKER else "agrees"


def sentence(tier: TierAudit, labels_alone: float) -> str:
    """The verdict on one tier with its evidence."""
    measured = (
        f"learned from its pairs without an order alone, a score ranks orders with AUC "
        f"{tier.teaches.value:.3f} ({tier.teaches.low:.3f} to {tier.teaches.high:.3f}), and "
        f"its winners are the likelier to order in {tier.agrees.value:.0%} of these pairs "
        f"({tier.agrees.low:.0%} to {tier.agrees.high:.0%})"
    )
    return {
        "empty": f"{tier.name} has no pairs.",
        "few orders": (
            f"{tier.name} is not judged: {tier.ordered} training leads ordered, and fewer than "
            f"{FEWEST} tell nothing."
        ),
        "shortcut": (
            f"{tier.name} is a shortcut: {tier.best_input!r} alone tells the winner in "
            f"{tier.told:.0%} of its pairs, so they teach that field and nothing else."
        ),
        "orders": (
            f"{tier.name} repeats the labels: each of its pairs holds an order. It changes "
            "how much orders weigh, not what is learned."
        ),
        "misleads": f"{tier.name} misleads: {measured}.",
        "says little": f"{tier.name} says little about orders: {measured}.",
        "weaker": (
            f"{tier.name} agrees with orders, but teaches less than they do (AUC "
            f"{labels_alone:.3f}): {measured}. Where orders are many it can only pull away "
            "from them; where they are scarce it may help."
        ),
        "agrees": f"{tier.name} agrees with orders: {measured}.",
    }[worth(tier, labels_alone)]


def remedy(tiers: Sequence[TierAudit], labels_alone: float) -> list[str]:
    """What to do about it, in sentences."""
    found = {tier.name: worth(tier, labels_alone) for tier in tiers}
    if "few orders" in found.values():
        return []
    bad = [name for name, value in found.items() if value in ("misleads", "shortcut")]
    if not bad:
        return ["No tier misleads or is a shortcut. Whether pairs help is another question."]
    weights = ", ".join(f'"{name}": 0' for name in bad)
    return ["Leave out what misleads:", f"  --model.preference.tier_weights '{{{weights}}}'"]
