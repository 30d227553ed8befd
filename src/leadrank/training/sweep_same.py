"""Which of a trial's settings have an effect: two trials that agree in them train the same.

W&B's format cannot say that one setting switches another off; so a grid holds combinations that
differ in name only, and the local runner takes the second from the first.
"""

from collections.abc import Mapping

from leadrank.training.sweep_file import Value

PAIRS = (
    "model.loss.pair_loss",
    "model.loss.smoothing",
    "model.loss.over",
    "model.preference.scheme",
    "model.preference.margins",
    "model.preference.margin_scale",
    "model.preference.tier_weights.",
    "model.preference.pair_scope",
    "model.preference.group_weight",
    "model.preference.max_losers_per_winner",
    "model.preference.per_winner",
)
#: Settings that, at 0, leave those that begin so without effect.
SWITCHES = {
    "model.loss.preference": PAIRS,
    "model.preference.margin_scale": ("model.preference.margins",),
}


def what_trains(parameters: Mapping[str, Value]) -> dict[str, Value]:
    """The settings of a trial without those that another one switches off."""
    off = tuple(
        name
        for switch, names in SWITCHES.items()
        if parameters.get(switch) == 0
        for name in names
    )
    return {name: value for name, value in parameters.items() if not name.startswith(off)}
