"""Words and word pairs of the customer text as sparse features: what a decoder's mean blurs.

A pooled vector says what a text is about; a rare word that decides is lost in it. What is given
up: only what enough training leads hold is counted, and the order of words beyond two is not.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

#: A word of two letters or digits or more; a Chinese or Japanese character is one by itself.
CJK = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
WORD = rf"(?u)[{CJK}]|[^\W{CJK}]{{2,}}"
#: A word or pair of fewer training leads cannot be learned, and may name one of them.
LEAST_LEADS = 3
MOST_NGRAMS = 2**15


@dataclass(frozen=True)
class NGrams:
    """The words and word pairs that are counted, and how rare each is (`idf`)."""

    vocabulary: tuple[str, ...] = ()
    idf: tuple[float, ...] = ()

    @classmethod
    def fit(cls, rows: pl.DataFrame) -> "NGrams":
        """Learns them from `lead_id` and `text` of the training rows; none if too few repeat.

        A lead's rows are counted as one document: they repeat each other.
        """
        texts = pl.DataFrame({"lead_id": rows["lead_id"], "text": _texts(rows)})
        by_lead = texts.group_by("lead_id", maintain_order=True)
        leads = by_lead.agg(pl.col("text").str.join("\n"))
        vectorizer = _vectorizer(min_df=LEAST_LEADS, max_features=MOST_NGRAMS)
        try:
            vectorizer.fit(leads["text"].to_list())
        except ValueError:  # scikit-learn's way to say that nothing is left
            return cls()
        return cls(
            tuple(vectorizer.get_feature_names_out().tolist()),
            tuple(vectorizer.idf_.tolist()),
        )

    def encode(self, rows: pl.DataFrame) -> csr_matrix:
        """[n v] float32: `(1 + log count) idf` of each n-gram, scaled to length 1 a row."""
        if not self.vocabulary:
            return csr_matrix((rows.height, 0), dtype=np.float32)
        vectorizer = _vectorizer(vocabulary=self.vocabulary)
        vectorizer.idf_ = np.array(self.idf)
        return vectorizer.transform(_texts(rows)).astype(np.float32)

    def to_dict(self) -> dict:
        """Plain data for a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict) -> "NGrams":
        """The inverse of `to_dict`."""
        return cls(tuple(data["vocabulary"]), tuple(data["idf"]))


def _vectorizer(**limits: object) -> TfidfVectorizer:
    return TfidfVectorizer(token_pattern=WORD, ngram_range=(1, 2), sublinear_tf=True, **limits)


def _texts(rows: pl.DataFrame) -> Sequence[str]:
    """All notes of each row, newest first, in one string."""
    notes = pl.col("text").list.eval(pl.element().struct.field("text")).list.join("\n")
    return rows.select(notes.fill_null("")).to_series().to_list()
