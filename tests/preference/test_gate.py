"""The gate: cosines against scikit-learn, the running mean against a loop."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from leadrank.preference.gate import agreement, gate, running


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 6))
def test_agreement_is_the_cosine(seed, tiers, width):
    chance = np.random.default_rng(seed)
    tier, point = chance.normal(size=(tiers, width)), chance.normal(size=width)
    found = agreement(torch.from_numpy(tier), torch.from_numpy(point))
    np.testing.assert_allclose(found, cosine_similarity(tier, point[None])[:, 0], atol=1e-12)


def test_a_gradient_that_vanishes_agrees_with_nothing():
    zero, one = torch.zeros(2, 3), torch.ones(3)
    assert agreement(zero, one).tolist() == [0.0, 0.0]
    assert agreement(torch.ones(2, 3), zero[0]).tolist() == [0.0, 0.0]


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 30))
def test_the_running_mean_is_that_of_a_loop(seed, steps, memory):
    chance = np.random.default_rng(seed)
    values, present = chance.normal(size=(steps, 2)), chance.random((steps, 2)) < 0.7
    mean, seen = torch.zeros(2).double(), torch.zeros(2)
    expected, count = [0.0, 0.0], [0, 0]
    for value, there in zip(values, present, strict=True):
        mean, seen = running(
            mean, seen, torch.from_numpy(value), torch.from_numpy(there), memory=memory
        )
        for tier in range(2):
            if there[tier]:
                count[tier] += 1
                share = 1 / min(count[tier], memory)
                expected[tier] = (1 - share) * expected[tier] + share * value[tier]
    np.testing.assert_allclose(mean, expected, atol=1e-12)
    assert seen.tolist() == count


def test_a_tier_that_pulls_the_other_way_counts_nothing():
    assert gate(torch.tensor([0.5, -0.2, 0.0])).tolist() == [0.5, 0.0, 0.0]
