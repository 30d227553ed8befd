"""AutoInt (Song et al. 2019, arXiv 1810.11921) on the fields; see `compare.networks`."""

from typing import Literal

from leadrank.compare.networks import score_network
from leadrank.compare.study import Scored, Study

TITLE = "AutoInt"
SEEDS = 5
READS: Literal["fields"] = "fields"


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; rate, dropout and penalty are chosen on validation."""
    return score_network(study, seed, "AutoInt")
