"""The truth against the days of a simulation: the sum of its own daily chances of an order.

A row's sum over the 30 days after its morning has the truth as its mean, like the label, but
without the chance of the order itself: 50,000 leads tell what 20 times as many orders would.
"""

import numpy as np
import polars as pl
import pytest

from leadrank.world import dealership as days
from leadrank.world import laws
from leadrank.world.call_rates import counted_rates
from leadrank.world.morning import Morning
from leadrank.world.people import ANYWAY, NEEDS_CALL, PUT_OFF
from leadrank.world.policies import habit
from leadrank.world.settings import HORIZON_DAYS, WorldSettings
from leadrank.world.state import NEVER
from leadrank.world.truth import order_probability

LARGE = WorldSettings(leads=50_000, days=200, warm_up=60)
SEED = 5


@pytest.fixture(scope="module")
def simulated() -> tuple[days.Dealership, np.ndarray]:
    """A world, and the chance of an order of each lead on each day [leads days]."""
    chance = np.zeros((LARGE.leads, LARGE.days), np.float32)
    pass_evening = days.pass_evening

    def watched(world: days.Dealership) -> None:
        block = world.block
        here = world.state.of(block)
        if world.day >= 0:
            eta = world.eta(np.arange(block.start, block.stop))
            log_odds = LARGE.order_base + eta + laws.season(world.day)
            alive = ~here.gone & (here.order_day == NEVER)
            chance[block, world.day] = np.where(alive, laws.chance(log_odds), 0)
        pass_evening(world)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(days, "pass_evening", watched)
        world = days.Dealership(LARGE, SEED).run(LARGE.days, habit)
    return world, chance


@pytest.fixture(scope="module")
def rows(simulated) -> pl.DataFrame:
    """Rows followed for the horizon: `found`, the sum of daily chances, and `truth`."""
    world, chance = simulated
    table = world.log.read("rows")
    mature = table["day"] <= LARGE.days - HORIZON_DAYS
    lead, day = table["lead"][mature], table["day"][mature]
    total = np.pad(chance.cumsum(axis=1, dtype=np.float64), ((0, 0), (1, 0)))
    truth = order_probability(LARGE, Morning.of(world, table), counted_rates(world, table))[
        mature
    ]
    people = world.people
    return pl.DataFrame(
        {
            "lead": lead, "found": total[lead, day + HORIZON_DAYS] - total[lead, day],
            "truth": truth.astype(np.float64), "calling": people.calling[lead],
            "tenth": (10 * truth.argsort().argsort()) // len(truth),
            "need": people.need[lead], "budget": people.budget[lead],
            "trust": people.trust[lead], "rival": table["rival"][mature],
            "household": table["household"][mature], "left": people.due[lead] - day,
        }
    )  # fmt: skip


def ratio(rows: pl.DataFrame) -> tuple[float, float]:
    """Sum found / sum of the truth, and its standard error, clustered by lead.

    A lead's rows share its days: se^2 = sum over leads of (found - ratio truth)^2 / truth^2.
    """
    by_lead = rows.group_by("lead").agg(pl.sum("found", "truth"))
    found, truth = by_lead["found"].to_numpy(), by_lead["truth"].to_numpy()
    each = found.sum() / truth.sum()
    return each, float(np.sqrt(np.square(found - each * truth).sum()) / truth.sum())


def test_the_daily_chances_are_those_by_which_orders_fall(simulated):
    """Orders after day 0 are independent draws: their variance is at most the sum."""
    world, chance = simulated
    orders = np.count_nonzero(world.log.read("orders")["day"] >= 0)
    expected = float(chance.sum())
    assert orders == pytest.approx(expected, abs=3 * np.sqrt(expected))


def test_the_truth_holds_in_all(rows):
    found, error = ratio(rows)
    assert error < 0.015
    assert found == pytest.approx(1, abs=0.02 + 2 * error)


@pytest.mark.parametrize("calling", [NEEDS_CALL, ANYWAY, PUT_OFF])
def test_the_truth_holds_however_calls_work_on_the_customer(rows, calling):
    found, error = ratio(rows.filter(pl.col("calling") == calling))
    assert error < 0.03
    assert found == pytest.approx(1, abs=0.05 + 2 * error)


@pytest.mark.parametrize("tenth", range(2, 10))
def test_the_truth_holds_by_tenth_of_probability(rows, tenth):
    """The lowest two are customers whom another dealer has, at 0, and next to nothing."""
    found, error = ratio(rows.filter(pl.col("tenth") == tenth))
    assert error < 0.02
    assert found == pytest.approx(1, abs=0.03 + 2 * error)


@pytest.mark.parametrize("trait", ["need", "budget", "trust"])
def test_conversion_rises_with_each_trait_that_should_raise_it(rows, trait):
    low, high = rows[trait].quantile(0.3), rows[trait].quantile(0.7)
    upper = rows.filter(pl.col(trait) > high)["found"].mean()
    assert upper > 1.3 * rows.filter(pl.col(trait) < low)["found"].mean()


def test_conversion_follows_rival_household_and_date(rows):
    by_rival = dict(rows.group_by("rival").agg(pl.mean("found")).iter_rows())
    assert by_rival[3] > by_rival[0] > by_rival[1] > by_rival[2]
    by_house = dict(rows.group_by("household").agg(pl.mean("found")).iter_rows())
    assert by_house[2] > by_house[1] > by_house[0]
    soon = rows.filter(pl.col("left").is_between(0, 14))["found"].mean()
    assert soon > 2 * rows.filter(pl.col("left") > 60)["found"].mean()
