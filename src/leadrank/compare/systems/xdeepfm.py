"""xDeepFM (Lian et al. 2018, arXiv 1803.05170) on the fields; see `compare.networks`."""

from leadrank.compare.networks import score_network
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; rate, dropout and penalty are chosen on validation."""
    return score_network(study, seed, "xDeepFM", cin_layer_size=(64, 64))


SYSTEM = System("xDeepFM", fit_and_score, reads="fields", seeds=5)
