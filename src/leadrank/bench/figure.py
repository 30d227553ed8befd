"""A measured figure beside its target, the table of them all, and the file that keeps them."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """What was measured.

    Args:
        name: what it is of, with its setting.
        value: as measured.
        unit: `times` for ratios, or `%`, `s`, `min`, `GB`, `/s`, `GFLOP/s`; what is counted.
        n: how many leads, rows or scores it was measured on.
        target: what the value should reach; None where it is only stated.
        bound: the target is the `least` that will do, or the `most`.
    """

    name: str
    value: float
    unit: str
    n: int
    target: float | None = None
    bound: str = "least"

    @property
    def holds(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        least = self.bound == "least"
        return bool(self.value >= self.target if least else self.value <= self.target)

    def line(self) -> str:
        """One line of at most 80 columns."""
        target, verdict = "", ""
        if self.target is not None:
            target = ("at least " if self.bound == "least" else "at most ") + f"{self.target:g}"
            verdict = "holds" if self.holds else "MISSED"
        unit = "" if self.unit == "times" else f" {self.unit}"
        value = f"{_short(self.value)}{unit}"
        return f"{self.name:<44}{value:>14}  {target:<14}{verdict}".rstrip()


HEAD = f"{'':<44}{'measured':>14}  {'target'}"


def write_figures(file: Path, figures: Iterable[Figure], **made_by: str) -> None:
    """Writes `[{name, value, target, unit, n, bound, holds}]`, `made_by` beside each.

    Figures of an earlier file that were not measured this time stay. Raises ValueError where
    two figures have one name, of which the file could keep one.
    """
    figures = list(figures)
    names = Counter(figure.name.strip() for figure in figures)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"figures of one name: {', '.join(twice)}")
    measured = {
        figure.name.strip(): {
            **asdict(figure),
            "name": figure.name.strip(),
            "value": float(f"{figure.value:.6g}"),
            "holds": figure.holds,
            **made_by,
        }
        for figure in figures
    }
    kept = json.loads(file.read_text("utf-8")) if file.is_file() else []
    rows = {row["name"]: row for row in kept} | measured
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(list(rows.values()), indent=1) + "\n", "utf-8")


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
