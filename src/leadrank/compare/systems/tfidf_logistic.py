"""Logistic regression on the text's words and word pairs (TF-IDF) and the fields.

The two blocks have penalties of their own, by scaling each with its own: the words are many and
the fields few.
"""

from itertools import product

import numpy as np
from scipy.sparse import csr_matrix, hstack

from leadrank.compare.inputs import need_text
from leadrank.compare.linear import logistic, logits
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System
from leadrank.compare.tuning import Configuration, Floats, outcomes, tuned

CONFIGURATIONS = [
    {"word_strength": words, "field_strength": fields}
    for words, fields in product((0.3, 1.0, 3.0, 10.0), (3.0, 30.0))
]


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; both penalties are chosen on validation."""
    words = need_text(study)
    known = outcomes(study)

    def fit(configuration: Configuration, seed: int) -> Floats:
        blocks = [
            words * configuration["word_strength"] ** -0.5,
            csr_matrix(study.fields * np.float32(configuration["field_strength"] ** -0.5)),
        ]
        inputs = hstack(blocks, format="csr")
        return logits(logistic(inputs, known, 1.0), inputs)

    return tuned(study, "tfidf_logistic", CONFIGURATIONS, fit, seed)


SYSTEM = System("TF-IDF + logistic regression", fit_and_score, reads="both")
