"""AutoInt (Song et al. 2019, arXiv 1810.11921) on the fields; see `compare.networks`."""

from leadrank.compare.networks import score_network
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; rate, dropout and penalty are chosen on validation."""
    return score_network(study, seed, "AutoInt")


SYSTEM = System("AutoInt", fit_and_score, reads="fields", seeds=5)
