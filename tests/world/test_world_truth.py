"""The true chance of an order: against brute force, and against every column."""

import numpy as np
import polars as pl
import pytest
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import roc_auc_score

from leadrank.world import laws
from leadrank.world.call_rates import CallRates, counted_rates
from leadrank.world.crm import CATEGORICAL, NUMERIC
from leadrank.world.dealership import Dealership
from leadrank.world.morning import Morning
from leadrank.world.oracles import column_features, fact_features, mature_rows
from leadrank.world.policies import habit
from leadrank.world.settings import HORIZON_DAYS, WorldSettings
from leadrank.world.timeline import keys
from leadrank.world.truth import order_probability


def morning(**changes) -> Morning:
    one = {
        "arrival": 0.0, "day": 5.0, "due": 12.0, "fixed": 1.5, "trust": 0.3, "lift": 1.0,
        "reach": 0.5, "momentum": 0.8, "fatigue": 0.0, "booked": 1e6,
        "rival": 1, "household": 1, "driven": False, "gone": False, **changes,
    }  # fmt: skip
    kinds = {"rival": np.int8, "household": np.int8, "driven": bool, "gone": bool}
    return Morning(
        **{name: np.array([value], kinds.get(name, np.float32)) for name, value in one.items()}
    )


def brute_force(
    settings: WorldSettings, start: Morning, *, rate: float = 0, copies: int = 200_000
) -> float:
    """The share that orders of many copies of one lead, walked through the laws by chance.

    Each is talked to on a day with chance `rate`, but not in the days of rest after a talk.
    """
    rng = np.random.default_rng(0)
    rival = np.full(copies, start.rival[0], np.int8)
    house = np.full(copies, start.household[0], np.int8)
    driven, booked = (np.full(copies, value[0]) for value in (start.driven, start.booked))
    alive = np.full(copies, not start.gone[0])
    momentum, fatigue = (np.full(copies, each[0]) for each in (start.momentum, start.fatigue))
    ordered, talked = np.zeros(copies, bool), np.full(copies, -99.0)
    for ahead in range(HORIZON_DAYS):
        day = start.day[0] + ahead
        left = np.float32(start.due[0] - day)

        state = start.fixed[0] + laws.RIVAL_EFFECT[rival] + laws.HOUSE_EFFECT[house]
        state = state + laws.timing(left) + settings.drive_effect * driven
        called = (rng.random(copies) < rate) & (ahead - talked > settings.rest_days)
        books = rng.random(copies) < expit(
            laws.BOOKING_BASE + laws.BOOKING_SLOPE * (state + momentum)
        )
        books &= called & (booked > 1e5)
        booked[books] = day + rng.integers(1, 10, books.sum())
        added = laws.gain(start.lift, np.float32(1), left, fatigue)
        momentum = momentum + called * settings.call_scale * added
        fatigue, talked = fatigue + called, np.where(called, ahead, talked)
        odds = state + momentum
        log_odds = settings.order_base + odds + laws.season(int(day))
        buys = alive & (rng.random(copies) < expit(log_odds))
        ordered |= buys
        alive &= ~buys
        alone = settings.drive_base + laws.DRIVE_SLOPE * (odds - settings.drive_effect * driven)
        comes = booked <= day
        driven |= (rng.random(copies) < expit(alone)) | comes
        booked[comes] = 1e6
        leaving = laws.gone_log_odds(settings.gone_base, start.trust, momentum, left)
        alive &= rng.random(copies) >= expit(leaving + laws.RIVAL_GONE[rival])
        rival = laws.step_state(rival, laws.RIVAL_STEP, rng.random(copies))
        house = laws.step_state(house, laws.HOUSE_STEP, rng.random(copies))
        momentum, fatigue = momentum * laws.MOMENTUM_KEPT, fatigue * laws.FATIGUE_KEPT
    return float(ordered.mean())


@pytest.mark.parametrize(
    "changes",
    [{}, {"rival": 2, "household": 0}, {"booked": 8.0, "rival": 3}, {"due": np.nan},
     {"driven": True, "fixed": 3.0}],
)  # fmt: skip
def test_without_calls_the_truth_is_what_brute_force_finds(changes):
    settings = WorldSettings(leads=1, days=1, order_base=-6.0)
    start = morning(**changes)
    truth = float(order_probability(settings, start)[0])
    found = brute_force(settings, start)
    assert truth == pytest.approx(found, abs=4 * np.sqrt(found / 200_000) + 1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {"lift": 1.8, "momentum": 0.0},
        {"lift": -1.0, "fatigue": 0.5},
        {"lift": 1.3, "due": 30.0},
    ],
)
def test_with_calls_at_an_even_rate_too(changes):
    """Talked to some three times in the month: within 3 %, or three standard errors."""
    settings = WorldSettings(leads=1, days=1)
    start = morning(**changes)
    rates = CallRates.even(settings, np.full(1, 0.12, np.float32))
    truth = float(order_probability(settings, start, rates)[0])
    found = brute_force(settings, start, rate=0.12, copies=100_000)
    assert truth == pytest.approx(found, rel=0.03, abs=3 * np.sqrt(found / 100_000))
    without = float(order_probability(settings, start)[0])
    assert abs(truth / without - 1) > 0.1  # else the calls would not have been tested


def test_the_rate_of_today_is_how_many_were_talked_to(dealership):
    """Sum over the counted rows of attempts in their cell / rows in it x reach."""
    rows = dealership.log.read("rows")
    alive = ~rows["gone"] & ~dealership.state.gone[rows["lead"]]
    counted = alive & (rows["day"] <= dealership.day - HORIZON_DAYS)
    calls = dealership.log.read("calls")
    talks = {name: calls[name][calls["connected"]] for name in ("lead", "day")}
    today = np.isin(keys(rows["lead"], rows["day"]), keys(talks["lead"], talks["day"]))
    expected = float(counted_rates(dealership, rows).first[0][counted].sum())
    assert today[counted].sum() == pytest.approx(expected, abs=3 * np.sqrt(expected))


def test_where_nobody_calls_no_rate_is_counted():
    settings = WorldSettings(leads=300, days=40, warm_up=20, calls_per_day=0)
    world = Dealership(settings, 1).run(40, habit)
    rates = counted_rates(world, world.log.read("rows"))
    assert not rates.first.any()
    assert not rates.again.any()


def test_who_bought_elsewhere_does_not_order():
    assert order_probability(WorldSettings(leads=1, days=1), morning(gone=True))[0] == 0


def test_a_lead_filed_away_does_not_order():
    settings = WorldSettings(leads=1, days=1, oldest=90)
    assert order_probability(settings, morning(day=90.0, due=92.0))[0] == 0


def test_a_call_adds_what_its_gain_is_worth():
    settings = WorldSettings(leads=1, days=1)
    start = morning(momentum=0.0)
    added = order_probability(settings, start, added=np.full(1, 0.8, np.float32))
    assert added == pytest.approx(order_probability(settings, morning(momentum=0.8)), rel=1e-5)
    rates = [CallRates.even(settings, np.full(1, rate, np.float32)) for rate in (0, 0.05, 0.2)]
    chances = [float(order_probability(settings, start, rate)[0]) for rate in rates]
    assert chances == sorted(chances)
    assert chances[0] == pytest.approx(float(order_probability(settings, start)[0]), rel=1e-4)


@pytest.fixture(scope="module")
def rows(folder) -> pl.DataFrame:
    truth = pl.read_parquet(folder / "truth" / "probability.parquet")
    return mature_rows(folder).join(
        truth, on=["customer_account_id", "ppl_dt"], maintain_order="left"
    )


def test_only_the_planted_later_fields_beat_the_truth(rows):
    label = rows["label"].to_numpy()
    truth = roc_auc_score(label, rows["probability"])
    assert truth > 0.85
    assert roc_auc_score(label, rows["delivery_slot"].is_not_null()) > truth
    for name, _, _ in NUMERIC:
        values = rows[name].cast(pl.Float64).fill_null(rows[name].cast(pl.Float64).mean())
        auc = roc_auc_score(label, values)
        assert max(auc, 1 - auc) < truth - 0.05, name
    for name, _ in CATEGORICAL:
        share = pl.col("label").mean().over(pl.col(name).fill_null("none"))
        assert roc_auc_score(label, rows.select(share).to_series()) < truth - 0.05, name


def test_what_the_texts_state_adds_to_the_columns(rows, folder):
    """Of the true log-odds, in the other half of the leads; shuffled facts add nothing.

    The true probability stands in for the label: a few dozen orders could not tell.
    """
    rows = rows.filter(pl.col("probability") > 1e-6)
    half = (rows["customer_account_id"].str.slice(-1).cast(int) % 2 == 0).to_numpy()
    chance = rows["probability"].cast(pl.Float64).to_numpy()
    log_odds = np.log(chance / (1 - chance))
    columns = column_features(rows).select(pl.selectors.numeric())
    facts = fact_features(rows, folder)
    mixed = facts.sample(fraction=1.0, shuffle=True, seed=0)

    def explained(features: pl.DataFrame) -> float:
        x = features.cast(pl.Float64).to_numpy()
        fitted = HistGradientBoostingRegressor(max_iter=60, random_state=0)
        return fitted.fit(x[half], log_odds[half]).score(x[~half], log_odds[~half])

    only, reader = explained(columns), explained(columns.hstack(facts))
    assert reader > only + 0.03, (only, reader)
    assert explained(columns.hstack(mixed)) < only + 0.01
