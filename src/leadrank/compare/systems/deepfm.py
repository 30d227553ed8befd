"""DeepFM (Guo et al. 2017, arXiv 1703.04247) on the fields; see `compare.networks`."""

from leadrank.compare.networks import score_network
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; rate, dropout and penalty are chosen on validation."""
    return score_network(study, seed, "DeepFM")


SYSTEM = System("DeepFM", fit_and_score, reads="fields", seeds=5)
