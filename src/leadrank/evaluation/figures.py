"""The figures of metrics.json as people read them: names, formats, intervals, flags."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

#: Public name -> what it is called here, and how it is written.
NAMES = {
    "auc": ("AUC", "{:.3f}"),
    "average_precision": ("average precision", "{:.3f}"),
    "precision@0.1%": ("order rate in the top 0.1 %", "{:.1%}"),
    "precision@1%": ("order rate in the top 1 %", "{:.1%}"),
    "precision@5%": ("order rate in the top 5 %", "{:.1%}"),
    "precision@10%": ("order rate in the top 10 %", "{:.1%}"),
    "recall@5%": ("orders found in the top 5 %", "{:.1%}"),
    "lift@10%": ("lift in the top 10 %", "{:.2f}"),
    "ndcg": ("NDCG, orders", "{:.3f}"),
    "ndcg_stage": ("NDCG, stages", "{:.3f}"),
    "pair_accuracy": ("stage pairs in order", "{:.1%}"),
    "ece": ("calibration error (ECE)", "{:.4f}"),
    "brier": ("Brier score", "{:.4f}"),
}
UNKNOWN = "n/a"


@dataclass(frozen=True)
class System:
    """A column of the table: its name, its figures, and their intervals where there are any."""

    name: str
    figures: Mapping[str, Any]
    intervals: Mapping[str, Any]

    def figure(self, metric: str) -> str:
        """The figure as written; `n/a` where it is undefined."""
        return written(metric, self.figures.get(metric))

    def interval(self, metric: str) -> str:
        """`low to high`; empty without one, and with few hits, which would look sure."""
        if self.few_hits(metric):
            return ""
        low, high = self.intervals.get(metric) or (None, None)
        if not (defined(low) and defined(high)):
            return ""
        return f"{written(metric, low)} to {written(metric, high)}"

    def few_hits(self, metric: str) -> bool:
        """Whether fewer than 10 hits are behind the figure."""
        return metric in self.figures.get("few_hits", ())


def systems(metrics: Mapping[str, Any]) -> list[System]:
    """The kept model first, then LightGBM and, unless it is the kept one, the probe.

    Intervals of the rivals are read from `lightgbm_ci` and `probe_ci` where the run has them.
    """
    found = [System("leadrank", metrics["test"], metrics.get("test_ci", {}))]
    found.append(System("LightGBM", metrics["lightgbm"], metrics.get("lightgbm_ci", {})))
    if metrics["selected"] != "probe":
        found.append(System("linear probe", metrics["probe"], metrics.get("probe_ci", {})))
    return found


def yardsticks(metrics: Mapping[str, Any]) -> list[System]:
    """What a simulated world knows and no model can: a perfect reader, and the truth."""
    names = {"oracle_reader": "perfect reader", "oracle_world": "hidden truth"}
    return [System(name, metrics[key], {}) for key, name in names.items() if key in metrics]


def written(metric: str, value: float | None) -> str:
    """A value in the metric's format."""
    return NAMES[metric][1].format(value) if defined(value) else UNKNOWN


def defined(value: float | None) -> TypeGuard[float]:
    """Whether there is a figure: NaN while a run ends, null in its metrics.json."""
    return value is not None and not math.isnan(value)
