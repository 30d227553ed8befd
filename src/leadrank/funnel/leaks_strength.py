"""Fields that rank too well: better alone than all other fields together."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from leadrank.funnel.leaks_found import Leak
from leadrank.funnel.leaks_rows import SeenRows

Floats = NDArray[np.float64]

ALPHA = 1e-3
#: An AUC that no field of an honest table is expected to reach.
TOO_GOOD = 0.95
#: What beats all others together must reach this much as well: one good field among noise may.
STRONG = 0.8
BINS, FOLDS, PRIOR = 16, 5, 10.0
LEAST_ORDERS = 10
MOST_ROWS = 20_000


def too_strong(seen: SeenRows, aside: Collection[str] = ()) -> Iterator[Leak]:
    """Fields whose AUC alone is above 0.95, or above 0.8 and above all others' together.

    Each field is cut into 16 bins (numbers) or its levels, missing one of them, and scored by
    the order rate there, out of fold over five folds of leads; the others together by logistic
    regression on those scores. Alone must exceed the reference by z standard errors (Hanley
    and McNeil 1982, leads as units), where z has a chance of 0.001 over all fields. The best
    field is set aside and the rest looked at again, so that leaks do not hide each other.

    Args:
        seen: the rows.
        aside: columns that are known to leak already.
    """
    columns = [f.column for f in (*seen.crm.fields.numeric, *seen.crm.fields.categorical)]
    columns = [column for column in columns if column not in aside]
    rows, scores = _scores(seen, columns)
    label, lead = seen.label[rows], seen.lead[rows]
    if not scores:
        return
    z = float(norm.isf(ALPHA / len(columns)))
    while scores:
        alone = {column: roc_auc_score(label, score) for column, score in scores.items()}
        best = max(alone, key=lambda column: alone[column])
        rest = _together([s for c, s in scores.items() if c != best], label, lead)
        low = alone[best] - z * _error(alone[best], label, lead)
        if not (low > TOO_GOOD or low > max(STRONG, rest)):
            return
        yield Leak(
            "strength",
            best,
            True,
            f"Alone it ranks orders with AUC {alone[best]:.3f} (above {low:.3f} beyond "
            f"chance), all other fields together with {rest:.3f}: too good for something "
            "known in advance.",
        )
        del scores[best]


def auc_alone(seen: SeenRows, columns: Sequence[str]) -> dict[str, float]:
    """{column: AUC of orders by that field alone}, out of fold; none with too few orders."""
    rows, scores = _scores(seen, columns)
    return {c: float(roc_auc_score(seen.label[rows], score)) for c, score in scores.items()}


def _scores(
    seen: SeenRows, columns: Sequence[str]
) -> tuple[NDArray[np.int64], dict[str, Floats]]:
    """Which rows are scored, and {column: out-of-fold scores of them}."""
    numeric = {field.column for field in seen.crm.fields.numeric}
    rows = _some(seen)
    label = seen.label[rows]
    folds = _folds(label, seen.lead[rows])
    if not folds:
        return rows, {}
    codes = {c: _codes(seen.rows[c][rows.tolist()], c in numeric) for c in columns}
    return rows, {c: _order_rates(code, label, folds) for c, code in codes.items()}


def _some(seen: SeenRows) -> NDArray[np.int64]:
    """Positions of at most MOST_ROWS rows, of them half orders where there are as many."""
    if len(seen.label) <= MOST_ROWS:
        return np.arange(len(seen.label))
    order = np.random.default_rng(0).permutation(len(seen.label))
    orders, others = (order[seen.label[order] == value] for value in (1, 0))
    orders = orders[: MOST_ROWS // 2]
    return np.sort(np.concatenate([orders, others[: MOST_ROWS - len(orders)]]))


def _folds(label: NDArray, lead: NDArray, seed: int = 0) -> list[tuple[NDArray, NDArray]]:
    """(fitted, held out) rows of each fold: whole leads, those that order spread evenly.

    None where fewer than LEAST_ORDERS leads have the rarer outcome.
    """
    leads, place = np.unique(lead, return_inverse=True)
    ordered = np.bincount(place, weights=label) > 0
    if min(ordered.sum(), (~ordered).sum()) < LEAST_ORDERS:
        return []
    dealt = np.lexsort([np.random.default_rng(seed).random(len(leads)), ordered])
    fold = np.empty(len(leads), np.int64)
    fold[dealt] = np.arange(len(leads)) % FOLDS
    held = [fold[place] == k for k in range(FOLDS)]
    return [(np.flatnonzero(~rows), np.flatnonzero(rows)) for rows in held]


def _codes(values: pl.Series, numeric: bool) -> NDArray[np.int64]:
    """[n] a bin for each number, or a code for each level; missing is one of them."""
    if numeric:
        number = values.cast(pl.Float64)
        edges = np.unique(
            np.nanquantile(number.fill_null(np.nan).to_numpy(), np.linspace(0, 1, BINS + 1)[1:])
            if number.null_count() < len(number)
            else [0.0]
        )
        found = np.searchsorted(edges, number.fill_null(0).to_numpy(), side="left")
        return np.where(number.is_null().to_numpy(), len(edges) + 1, found)
    return values.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()


def _order_rates(code: NDArray, label: NDArray, folds: list[tuple[NDArray, NDArray]]) -> Floats:
    """[n] log-odds of an order among the other folds' rows of the same code, shrunk."""
    score = np.zeros(len(code))
    size = int(code.max()) + 1
    for fit, held in folds:
        rows = np.bincount(code[fit], minlength=size)
        orders = np.bincount(code[fit], weights=label[fit], minlength=size)
        mean = label[fit].mean()
        rate = (orders + PRIOR * mean) / (rows + PRIOR)
        # Centred, so that folds of other order rates do not rank rows by their fold.
        score[held] = (np.log(rate / (1 - rate)) - np.log(mean / (1 - mean)))[code[held]]
    return score


def _together(scores: list[Floats], label: NDArray, lead: NDArray) -> float:
    if not scores:
        return 0.5
    model, stacked = LogisticRegression(C=1.0, max_iter=200), np.column_stack(scores)
    found = np.zeros(len(label))
    for fit, held in _folds(label, lead, seed=1):
        found[held] = model.fit(stacked[fit], label[fit]).decision_function(stacked[held])
    return float(roc_auc_score(label, found))


def _error(auc: float, label: NDArray, lead: NDArray) -> float:
    """Standard error of an AUC by Hanley and McNeil (1982), with leads for rows."""
    orders, others = (len(np.unique(lead[label == value])) for value in (1, 0))
    auc = min(max(auc, 0.5), 1 - 0.5 / (orders * others))
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (orders - 1) * (q1 - auc**2) + (others - 1) * (q2 - auc**2)
    return float(np.sqrt(spread / (orders * others)))
