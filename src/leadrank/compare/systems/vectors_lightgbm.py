"""LightGBM on the fields and the frozen LLM's vectors, shortened by principal components."""

from itertools import product

import numpy as np
from sklearn.decomposition import PCA

from leadrank.compare.inputs import beside
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System
from leadrank.compare.trees import HALF_OF_TREES, boosted
from leadrank.compare.tuning import Configuration, Floats, outcomes, tuned

CONFIGURATIONS = [
    {"components": components, "trees": trees}
    for components, trees in product((16, 64), HALF_OF_TREES)
]


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds; trees and how many components they read are chosen on validation."""
    known = outcomes(study)
    vectors = study.vectors.astype(np.float64)
    most = min(64, len(known.train) - 1, vectors.shape[1])
    # The whole decomposition: the shorter ones are random.
    pca = PCA(most, svd_solver="covariance_eigh").fit(vectors[known.train])
    components = pca.transform(vectors)

    def fit(configuration: Configuration, seed: int) -> Floats:
        inputs = beside(study, components[:, : configuration["components"]])
        return boosted(inputs, known, configuration["trees"], seed)

    return tuned(study, "vectors_lightgbm", CONFIGURATIONS, fit, seed)


SYSTEM = System("LightGBM + frozen LLM vectors", fit_and_score, reads="both", llm=True)
