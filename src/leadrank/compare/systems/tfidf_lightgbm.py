"""LightGBM on the fields and the text's words, in one of two short forms.

`svd`: 32 directions of TF-IDF. `score`: the log-odds of a logistic regression on TF-IDF, for
training rows by folds of leads that it has not seen, or the trees would trust a score that
remembers its own answer. Which form is better is chosen on validation.
"""

from typing import Any

from sklearn.decomposition import TruncatedSVD

from leadrank.compare.inputs import beside, need_text
from leadrank.compare.linear import logistic, logits
from leadrank.compare.out_of_fold import Floats, out_of_fold
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System
from leadrank.compare.trees import HALF_OF_TREES, boosted
from leadrank.compare.tuning import Configuration, Outcomes, outcomes, tuned

DIRECTIONS = 32
CONFIGURATIONS = [
    {"words": words, "trees": trees} for words in ("svd", "score") for trees in HALF_OF_TREES
]


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; trees and the form of the words are chosen on validation."""
    words = need_text(study)
    known = outcomes(study)
    score = out_of_fold(study, _score(study), _score)
    form = {"svd": _directions(words, known), "score": score[:, None]}

    def fit(configuration: Configuration, seed: int) -> Floats:
        inputs = beside(study, form[configuration["words"]])
        return boosted(inputs, known, configuration["trees"], seed)

    return tuned(study, "tfidf_lightgbm", CONFIGURATIONS, fit, seed)


def _directions(words: Any, known: Outcomes) -> Floats:
    most = min(DIRECTIONS, words.shape[1] - 1, len(known.train) - 1)
    svd = TruncatedSVD(max(1, most), random_state=0).fit(words[known.train])
    return svd.transform(words).astype("float64")


def _score(study: Study) -> Floats:
    """[rows] log-odds of a logistic regression on TF-IDF, fitted on the training rows."""
    words, known = need_text(study), outcomes(study)
    return logits(logistic(words, known, 1.0), words)


SYSTEM = System("LightGBM + TF-IDF", fit_and_score, reads="both")
