"""What a run showed, in words that claim no more than the interval allows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import ArrayLike

from leadrank.evaluation.figures import defined, written
from leadrank.funnel.split import FEWEST
from leadrank.preference import paired_difference

MODELS = {
    "finetuned": "fine-tuned model",
    "probe": "linear probe",
    "funnel_probe": "probe that the funnel taught",
}
PRIMARY = "average_precision"
TOO_FEW = f"fewer than {FEWEST} test leads ordered, or did not, and so few tell nothing"
TRIAL = "A trial on {:,} of {:,} usable rows, rich in orders: of all leads it says nothing."
NO_TEXT = "It gives the text no weight: without any text its list would be the same."


def paired_differences(
    predictions: pl.DataFrame, rivals: Mapping[str, ArrayLike], *, seed: int = 0
) -> dict[str, dict[str, list[float]]]:
    """{rival: {metric: [difference, low, high]}} of the score minus each rival's, paired.

    predictions [n] needs lead_id, label, weight and score; rivals hold scores [n] of the same
    rows. Metrics: auc and average_precision; 95 % bootstrap over leads.
    """
    lead = predictions["lead_id"].rank("dense").cast(pl.Int64) - 1
    columns = [
        torch.from_numpy(np.array(values.to_numpy(), dtype=dtype))
        for values, dtype in (
            (predictions["score"], np.float64),
            (predictions["label"], np.int64),
            (predictions["weight"], np.float64),
            (lead, np.int64),
        )
    ]
    score, label, weight, lead_code = columns
    found = {}
    for name, rival in rivals.items():
        other = torch.from_numpy(np.array(rival, dtype=np.float64))
        gaps = paired_difference(score, other, label, weight, lead_code, seed=seed)
        found[name] = {metric: list(gap) for metric, gap in gaps.items()}
    return found


def verdict(metrics: Mapping[str, Any], paired: Mapping[str, Sequence[float]]) -> str:
    """The headline: which model was kept, and whether it beats LightGBM on the test leads.

    `paired` is {metric: [difference, low, high]} against LightGBM; average precision decides.
    "Cannot tell" where its interval includes 0 or there is none.
    """
    model = MODELS[metrics["selected"]]
    _, low, high = paired[PRIMARY]
    if defined(low) and low > 0:
        return f"The {model} ranks these leads better than LightGBM."
    if defined(high) and high < 0:
        return f"The {model} ranks these leads worse than LightGBM."
    told = f"Cannot tell whether the {model} ranks these leads better than LightGBM"
    return f"{told}." if defined(low) else f"{told}: {TOO_FEW}."


def scope(metrics: Mapping[str, Any]) -> str:
    """What the figures of a run on a part of its table are worth; empty where it read all.

    `trial` of the metrics is (rows read, usable rows) where some were left out.
    """
    trial = metrics.get("trial")
    return TRIAL.format(*trial) if trial else ""


def evidence(metrics: Mapping[str, Any], paired: Mapping[str, Sequence[float]]) -> str:
    """The figures behind the verdict: average precision, which decides it, and AUC."""
    said = [
        f"{name} {written(metric, metrics['test'][metric])} against "
        f"{written(metric, metrics['lightgbm'][metric])}{_difference(*paired[metric])}"
        for metric, name in ((PRIMARY, "Average precision"), ("auc", "AUC"))
    ]
    return "; ".join(said) + "."


def _difference(gap: float | None, low: float | None, high: float | None) -> str:
    told = difference_interval(low, high)
    parts = [f"difference {gap:+.3f}"] if defined(gap) else []
    parts += [f"95 % interval {told}"] if told else []
    return f" ({', '.join(parts)})" if parts else ""


def standing(metrics: Mapping[str, Any], paired: Mapping[str, Any]) -> str:
    """Where the kept model stands between LightGBM and a perfect reader; empty without one.

    Only the simulated dealership has one: `paired`, {rival: {metric: [difference, low, high]}},
    names `oracle_reader` then.
    """
    if "oracle_reader" not in paired:
        return ""
    said = [
        f"By {name} it {_beside(paired['lightgbm'][metric], 'LightGBM')}, and "
        f"{_beside(paired['oracle_reader'][metric], 'a perfect reader of the texts')}, which "
        f"has {metrics['oracle_reader'][metric]:.3f}; the hidden truth has "
        f"{metrics['oracle_world'][metric]:.3f}."
        for metric, name in (("auc", "AUC"), (PRIMARY, "average precision"))
    ]
    return " ".join(said)


def _beside(gap: Sequence[float], other: str) -> str:
    difference, low, high = gap
    told = difference_interval(low, high)
    interval = f"({difference:+.3f}, {told})" if told else f"({difference:+.3f})"
    if defined(low) and low > 0:
        return f"is above {other} {interval}"
    if defined(high) and high < 0:
        return f"is below {other} {interval}"
    return f"cannot be told from {other} {interval}"


def difference_interval(low: float | None, high: float | None) -> str:
    """`low to high`; empty where there is no interval."""
    return f"{low:+.3f} to {high:+.3f}" if defined(low) and defined(high) else ""


def selection(metrics: Mapping[str, Any]) -> str:
    """Why the model that was kept was kept."""
    start = MODELS["funnel_probe" if "funnel_probe" in metrics else "probe"]
    if metrics["selected"] != "finetuned":
        kept = f"The {start} was kept: on validation, fine-tuning was not clearly better."
        # Runs before the field was written read text, or nobody knows.
        reads_text = metrics.get("start", {}).get("reads_text", True)
        return kept if reads_text else f"{kept} {NO_TEXT}"
    return f"The fine-tuned model was kept: on validation, it was clearly above the {start}."
