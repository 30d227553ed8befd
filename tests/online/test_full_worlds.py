"""Twenty whole dealerships: what a test measures there holds the truth as often as claimed."""

import numpy as np
import pytest

from leadrank.cli.abtest_simulate import run_both
from leadrank.online import analyse, assign, share_significant
from leadrank.world.dealership import Dealership
from leadrank.world.policies import recency
from leadrank.world.settings import WorldSettings

WORLDS, ASSIGNMENTS = 20, 50


@pytest.mark.slow
def test_intervals_in_whole_worlds_hold_the_truth() -> None:
    held, replayed, alike = 0, [], 0
    for seed in range(WORLDS):
        settings = WorldSettings(leads=2400, days=60, warm_up=40)  # 12 reps
        world = Dealership(settings, seed, snapshots=False).run(20, recency)
        both, _ = run_both(world, recency, "longest_waiting", unit="rep", days=40)
        effect = analyse(both.observed(assign(both.unit, both.stratum, salt="a"))).effect
        low, high = effect.interval()
        held += low <= both.uplift <= high
        replayed.append(share_significant(both, salt="b", tests=ASSIGNMENTS).covered)
        # Without effect: the control's own orders, whichever arm they are put in.
        null = type(both)(both.unit, both.control, both.control, both.before, both.stratum)
        alike += share_significant(null, salt="c", tests=ASSIGNMENTS).significant * ASSIGNMENTS
    # Of 20, 16 or more with probability .997 where 95 % are held.
    assert held >= 16
    # Assignments of one world overlap, so their shares vary by more than the binomial.
    assert np.mean(replayed) == pytest.approx(0.95, abs=0.035)
    assert alike / (WORLDS * ASSIGNMENTS) == pytest.approx(0.05, abs=0.035)
