"""What a run showed, in words that claim no more than the interval allows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import ArrayLike

from leadrank.preference import paired_difference

MODELS = {
    "finetuned": "fine-tuned model",
    "probe": "linear probe",
    "funnel_probe": "probe that the funnel taught",
}
PRIMARY = "average_precision"


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
    if low > 0:
        return f"The {model} ranks these leads better than LightGBM."
    if high < 0:
        return f"The {model} ranks these leads worse than LightGBM."
    return f"Cannot tell whether the {model} ranks these leads better than LightGBM."


def evidence(metrics: Mapping[str, Any], paired: Mapping[str, Sequence[float]]) -> str:
    """The figures behind the verdict: average precision, which decides it, and AUC."""
    said = [
        f"{name} {metrics['test'][metric]:.3f} against {metrics['lightgbm'][metric]:.3f} "
        f"(difference {gap:+.3f}, 95 % interval {low:+.3f} to {high:+.3f})"
        for metric, name in ((PRIMARY, "Average precision"), ("auc", "AUC"))
        for gap, low, high in [paired[metric]]
    ]
    return "; ".join(said) + "."


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
    interval = f"({difference:+.3f}, {low:+.3f} to {high:+.3f})"
    if low > 0:
        return f"is above {other} {interval}"
    if high < 0:
        return f"is below {other} {interval}"
    return f"cannot be told from {other} {interval}"


def selection(metrics: Mapping[str, Any]) -> str:
    """Why the model that was kept was kept."""
    start = MODELS["funnel_probe" if "funnel_probe" in metrics else "probe"]
    if metrics["selected"] != "finetuned":
        return f"The {start} was kept: on validation, fine-tuning was not clearly better."
    return f"The fine-tuned model was kept: on validation, it was clearly above the {start}."
