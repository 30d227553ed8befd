"""Chance by address, and the laws that customers follow."""

import numpy as np
import pytest

from leadrank.world import laws
from leadrank.world.draws import Purpose, call_key, hashed, normal, uniform
from leadrank.world.settings import WorldSettings


def test_chance_has_an_address_and_no_history():
    first = uniform(3, Purpose.ORDER, 7, 50)
    uniform(3, Purpose.ORDER, 8, 50)
    assert (uniform(3, Purpose.ORDER, 7, 50) == first).all()
    for other in (
        uniform(4, Purpose.ORDER, 7, 50),
        uniform(3, Purpose.DRIVE, 7, 50),
        uniform(3, Purpose.ORDER, 8, 50),
        uniform(3, Purpose.ORDER, -7, 50),
    ):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.5
        assert (first != other).all()


def test_hashed_numbers_are_uniform_and_unrelated():
    key = call_key(1, np.arange(20_000), 5)
    draws = np.stack([hashed(key, k) for k in range(6)])
    # Standard error of a mean of 20,000 uniform numbers: sqrt(1/12/20000) = .002.
    assert draws.mean(axis=1) == pytest.approx(0.5, abs=0.01)
    assert draws.std(axis=1) == pytest.approx(np.sqrt(1 / 12), abs=0.01)
    assert np.abs(np.corrcoef(draws) - np.eye(6)).max() < 0.03
    days = np.stack([hashed(call_key(1, np.arange(20_000), day), 0) for day in range(4)])
    assert np.abs(np.corrcoef(days) - np.eye(4)).max() < 0.03


def test_normal_numbers_are_normal():
    draws = normal(1, Purpose.GRADE, 0, 20_000)
    assert draws.mean() == pytest.approx(0, abs=0.03)
    assert draws.std() == pytest.approx(1, abs=0.03)


def test_timing_peaks_on_the_day_of_the_decision():
    ahead = np.array([0.0, 10.0, -10.0, 90.0, np.nan], np.float32)
    near = 2.5 * np.exp(-0.5)
    expected = [1.7, -0.8 + near, -0.8 + near, -0.8, -0.3]
    assert laws.timing(ahead) == pytest.approx(expected, abs=1e-4)


def test_a_call_works_best_on_time_and_rested():
    one = np.ones(1, np.float32)
    today, far, none = one * 0, one * 100, one * np.nan
    assert laws.gain(2 * one, one, today, 0 * one) == pytest.approx(2.0)  # 1 * 2 * (.25 + .75)
    assert laws.gain(2 * one, one, far, 0 * one) == pytest.approx(0.5)  # gate .25
    assert laws.gain(2 * one, one, none, 0 * one) == pytest.approx(1.0)  # gate .5
    tired = 2 * np.exp(-0.7) - 0.2
    assert laws.gain(2 * one, one, today, one) == pytest.approx(tired)
    assert laws.gain(-one, one, today, 0 * one) == pytest.approx(-1.0)


def test_chance_is_the_logistic_of_the_log_odds():
    assert laws.chance(np.array([0.0, np.log(3)])) == pytest.approx([0.5, 0.75])


@pytest.mark.parametrize("steps", [laws.RIVAL_STEP, laws.HOUSE_STEP])
def test_minds_change_as_the_chain_says(steps):
    assert steps.sum(axis=1) == pytest.approx(1)
    draw = (np.arange(10_000, dtype=np.float32) + 0.5) / 10_000
    for state in range(len(steps)):
        after = laws.step_state(np.full(10_000, state, np.int8), steps, draw)
        share = np.bincount(after, minlength=len(steps)) / 10_000
        assert share == pytest.approx(steps[state], abs=2e-4)


@pytest.mark.parametrize("wrong", [{"leads": 0}, {"days": 0}, {"warm_up": -1}])
def test_sizes_that_make_no_world_are_refused(wrong):
    with pytest.raises(ValueError, match="at least 1 lead"):
        WorldSettings(**{"leads": 1, "days": 1, **wrong})
