"""comparison.json, comparison.md and the figures of a folder of results."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tqdm import tqdm

from leadrank.compare.figures import write_figures
from leadrank.compare.measure import DRAWS, Measured, Paired, measure, paired, pooled
from leadrank.compare.results import Result, as_json
from leadrank.compare.tables import in_order, markdown
from leadrank.errors import UserError
from leadrank.funnel.crm_keys import CrmFile
from leadrank.funnel.nearest import nearest

TERMS = (
    "All systems have the same split and inputs, and are tuned on validation alone; they score "
    "the same test rows, or a sample of them where the title says so. "
    "Systems with an LLM read the frozen trunk's vectors, computed once: they train heads, so "
    "what adapters and the Yes/No answer would add is in rows marked LoRA run alone. Separate "
    "heads share nothing but the trunk, so in hpro_paper and hpro_released_code pairs do not "
    "reach the ranking here: only a LoRA run shows what they do. Budgets are alike in size, "
    "not in kind, and stand below the table: heads are chosen by AUC with nine "
    "fits, and stay the probe that they start as where training was not clearly better; most "
    "others are chosen by log loss, with eight."
)


def write_report(
    folder: Path,
    results: Sequence[Result],
    *,
    crm: CrmFile,
    against: str,
    command: str,
    not_applicable: dict[str, str],
    failed: dict[str, str],
    left_out: dict[str, str],
    draws: int = DRAWS,
    level: int = 1,
    earlier: Sequence[Sequence[Result]] = (),
) -> Path:
    """Measures all results and writes the report; returns the path of comparison.md.

    `earlier`: results of earlier test windows, with which differences are averaged. Which
    systems are missing, and why: `not_applicable`, `failed`, `left_out`. `level`: of the
    page's title, for a page that becomes part of another. Raises UserError where
    `against` is not among the results.
    """
    names = [result.name for result in results]
    if against not in names:
        raise UserError(
            f"--against {against}: it has no scores in {folder}{nearest(against, names)}; run "
            f"it too, or take one of {', '.join(names) or 'none yet'}"
        )
    bar = tqdm(results, desc="measuring", unit="system", delay=2, ncols=80)
    capacity = crm.group.capacity if crm.group else None
    measured = [measure(result, draws=draws, capacity=capacity) for result in bar]
    reference = measured[names.index(against)]
    pairs = paired(measured, reference)
    over_origins = _over_origins([results, *earlier], against, draws)
    averaged = {against, *(pair.system for pair in over_origins)} if over_origins else set()
    not_averaged = [name for name in names if name not in averaged] if earlier else []
    head = _head(crm, reference, command, draws)
    page = markdown(
        measured,
        pairs,
        head=head,
        against=against,
        not_applicable=not_applicable,
        failed=failed,
        left_out=left_out,
        capacity=capacity,
        over_origins=over_origins,
        not_averaged=not_averaged,
        origins=1 + len(earlier),
    )
    page = re.sub("^#", "#" * level, page, flags=re.MULTILINE)
    (folder / "comparison.md").write_text(page, "utf-8")
    document = {
        "data": crm.name,
        "test": _test(reference.result),
        "against": against,
        "command": command,
        "draws": draws,
        "rows": [row for one in in_order(measured) for row in _rows(one)],
        "paired": [pair._asdict() for pair in pairs],
        "over_origins": [pair._asdict() for pair in over_origins],
        "origins": 1 + len(earlier),
        "not_averaged": not_averaged,
        "not_applicable": not_applicable,
        "failed": failed,
        "left_out": left_out,
    }
    (folder / "comparison.json").write_text(as_json(document), "utf-8")
    write_figures(folder, measured, pairs, stages=crm.stage_names, against=against)
    return folder / "comparison.md"


def _over_origins(
    windows: Sequence[Sequence[Result]], against: str, draws: int
) -> list[Paired]:
    """Differences averaged over the test part and earlier windows; none without these."""
    if len(windows) == 1:
        return []
    scores = [result.scores["lead_id"].to_numpy() for results in windows for result in results]
    leads = np.unique(np.concatenate(scores))
    shared = pooled(
        [[measure(one, draws=draws, leads=leads) for one in results] for results in windows]
    )
    reference = next((one for one in shared if one.result.name == against), None)
    return [] if reference is None else paired(shared, reference, exact=False)


def _test(result: Result) -> dict[str, Any]:
    """How many rows, leads and orders the test part has, and its weighted order rate."""
    scores = result.scores.filter(pl.col("seed") == result.seeds[0])
    rate = float(np.average(scores["label"], weights=scores["weight"]))
    counts = {"rows": scores.height, "leads": scores["lead_id"].n_unique()}
    return {**counts, "orders": int(scores["label"].sum()), "order_rate": rate}


def _head(crm: CrmFile, reference: Measured, command: str, draws: int) -> list[str]:
    test = _test(reference.result)
    return [
        f"# {crm.name}: every system on the same leads",
        "",
        f"{test['rows']:,} test rows of {test['leads']:,} leads, {test['orders']:,} of them "
        f"with the final stage {crm.stage_names[-1]!r}: an order rate of "
        f"{test['order_rate']:.1%}, by weight, which is the average precision of a ranking by "
        f"chance. In brackets: 95 % intervals by "
        f"bootstrap over leads, {draws:,} draws, and the standard deviation over seeds.",
        "",
        TERMS,
        "",
        f"Made by `{command}`; each SYSTEM.json says at which commit, what was chosen and how "
        "long it took.",
    ]


def _rows(one: Measured) -> list[dict[str, Any]]:
    """One line of comparison.json for each figure."""
    common = {
        "n": one.result.num_scored,
        "seeds": len(one.result.seeds),
        "seconds": round(one.result.seconds, 1),
    }
    figures = {**one.figures, "ece_before_calibration": one.ece_before}
    found = []
    for metric, value in figures.items():
        low, high = one.interval(metric)
        line = {"system": one.result.name, "metric": metric, "value": value}
        line |= {"low": low, "high": high, "seed_sd": one.seed_sd.get(metric, math.nan)}
        found.append({**line, "few_hits": metric in one.few_hits, **common})
    return found
