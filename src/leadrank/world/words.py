"""How far a bag of words gets in a world: TF-IDF and logistic regression, out of fold.

Words and word pairs of all that was written down of a lead, and of the newest text alone; the
two scores are columns that trees may use. The penalty is chosen on leads held out.
"""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

FOLDS = 3
STRENGTHS = (0.1, 0.3, 1.0, 3.0)  # inverse penalties that are tried
VIEWS = ("words", "newest_words")


class Words:
    """Scores of rows by their words, learned from one world.

    Args:
        rows: rows of the world, with `customer_account_id`, `ppl_dt` and a 0/1 `label`.
        folder: the world's folder, for its calls.
        shuffled: every row gets the texts of another row, here and in `scores`.
    """

    def __init__(self, rows: pl.DataFrame, folder: Path, *, shuffled: bool = False) -> None:
        self._shuffled = shuffled
        self._vectoriser = CountVectorizer(
            ngram_range=(1, 2), min_df=20, max_features=40_000, dtype=np.float32
        )
        self._vectoriser.fit(_events(rows, folder)["text"])
        counts = self._counts(rows, folder)
        self._idf = [TfidfTransformer(sublinear_tf=True).fit(view) for view in counts]
        label = rows["label"].to_numpy()
        fold = (rows["customer_account_id"].hash(seed=1) % FOLDS).to_numpy()
        own, self._models = {}, []
        for name, idf, view in zip(VIEWS, self._idf, counts, strict=True):
            matrix = idf.transform(view)
            strength = _strength(matrix, label, fold)
            own[name] = _out_of_fold(matrix, label, fold, strength)
            self._models.append(_logistic(strength).fit(matrix, label))
        self.own = pl.DataFrame(own)  # of the rows learned from, each by models without it

    def scores(self, rows: pl.DataFrame, folder: Path) -> pl.DataFrame:
        """Log-odds [n] of another world's rows, by all words and by the newest text's."""
        views = zip(VIEWS, self._idf, self._models, self._counts(rows, folder), strict=True)
        return pl.DataFrame(
            {
                name: model.decision_function(idf.transform(view))
                for name, idf, model, view in views
            }
        )

    def _counts(self, rows: pl.DataFrame, folder: Path) -> list[sparse.csr_matrix]:
        """Counts of the words of each row: of all texts as of its morning, of the newest."""
        events = _events(rows, folder)
        per_event = self._vectoriser.transform(events["text"])
        start, end = _known(rows, events)
        if self._shuffled:
            order = np.random.default_rng(0).permutation(len(rows))
            start, end = start[order], end[order]
        newest = np.where(end > start, end - 1, end)
        return [_chosen(first, end, events.height) @ per_event for first in (start, newest)]


def _events(rows: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """The calls of the rows' customers, by customer and time."""
    calls = pl.read_parquet(folder / "calls.parquet")
    calls = calls.join(rows, on="customer_account_id", how="semi")
    return calls.sort("customer_account_id", "at", maintain_order=True)


def _known(rows: pl.DataFrame, events: pl.DataFrame) -> tuple[NDArray, NDArray]:
    """Where the events known on each row's morning start and end."""
    span = 1 << 36  # seconds: more than any time stamp
    names = pl.concat([rows["customer_account_id"], events["customer_account_id"]])
    code = names.rank("dense").cast(pl.Int64).to_numpy() * span
    time = pl.concat([rows["ppl_dt"], events["at"]]).dt.epoch("s").to_numpy()
    key = code[len(rows) :] + time[len(rows) :]
    start = np.searchsorted(key, code[: len(rows)])
    return start, np.searchsorted(key, code[: len(rows)] + time[: len(rows)], side="right")


def _chosen(start: NDArray, end: NDArray, events: int) -> sparse.csr_matrix:
    """[rows, events] with a 1 where the event is one of the row's."""
    count = end - start
    last = count.cumsum()
    index = np.arange(last[-1]) + np.repeat(start - (last - count), count)
    ones = np.ones(len(index), np.float32)
    return sparse.csr_matrix((ones, index, np.append(0, last)), shape=(len(start), events))


def _logistic(strength: float) -> LogisticRegression:
    # Gradients of a mean loss over rare orders are small: a usual tolerance stops at the start.
    return LogisticRegression(C=strength, max_iter=300, tol=1e-6)


def _strength(matrix: sparse.csr_matrix, label: NDArray, fold: NDArray) -> float:
    """The inverse penalty of the smallest log loss on the first fold's leads."""
    held = fold == 0

    def loss(strength: float) -> float:
        model = _logistic(strength).fit(matrix[~held], label[~held])
        return float(log_loss(label[held], model.predict_proba(matrix[held])))

    return min(STRENGTHS, key=loss)


def _out_of_fold(
    matrix: sparse.csr_matrix, label: NDArray, fold: NDArray, strength: float
) -> NDArray[np.float64]:
    scores = np.zeros(len(label))
    for held in (fold == k for k in range(FOLDS)):
        model = _logistic(strength).fit(matrix[~held], label[~held])
        scores[held] = model.decision_function(matrix[held])
    return scores
