"""Who asks the dealership for a car: what the CRM sees of them, and what it does not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadrank.world.parameters import WorldParameters
from leadrank.world.phrases import TRAITS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHANNELS = ("referral", "walk-in", "website", "phone", "fair", "marketplace", "lottery")
CHANNEL_EFFECT = np.array([0.9, 0.7, 0.2, 0.1, -0.3, -0.4, -1.0])
CHANNEL_SHARE = np.array([0.08, 0.12, 0.3, 0.14, 0.08, 0.2, 0.08])
MODELS = ("city", "compact", "estate", "van", "suv", "suv electric", "coupe")
MODEL_PRICE = np.array([17.0, 24.0, 31.0, 36.0, 38.0, 46.0, 52.0])  # thousands
PAYMENTS = ("cash", "loan", "lease", "not said")
AGE_BANDS = ("18-29", "30-44", "45-59", "60+")
TRAIT_EFFECT = {
    "urgency": np.array([-1.3, 0.0, 1.2]),
    "rival": np.array([-1.0, 0.0, 0.9]),
    "household": np.array([-0.8, 0.0, 0.6]),
    "budget": np.array([-0.9, 0.0, 0.7]),
}
TRAIT_SHARE = np.array([0.35, 0.35, 0.3])  # of levels 0, 1, 2


@dataclass(frozen=True)
class Customers:
    """One entry per lead; `columns` is what the CRM holds, `traits` is hidden.

    `column_effect` and `trait_effect` are log-hazards with mean 0 and the standard deviations
    of the world's parameters; `engagement` (a standard normal, part of column_effect) is what
    visits and long calls are a noisy sign of.
    """

    arrival: Ints  # day
    store: Ints
    rep: Ints
    columns: dict[str, NDArray[np.generic]]
    traits: dict[str, Ints]
    engagement: Floats
    column_effect: Floats
    trait_effect: Floats

    def __len__(self) -> int:
        return len(self.arrival)


def draw_customers(world: WorldParameters) -> Customers:
    """Draw the leads of a world, in order of arrival."""
    rng = np.random.default_rng([world.seed, 1])
    n = world.leads
    arrival = _arrivals(rng, n, world.days)
    store = rng.choice(world.stores, n, p=_store_share(world.stores))
    engagement = rng.normal(size=n)
    columns, effect = _columns(rng, n, engagement)
    traits, trait_effect = _traits(rng, n)
    return Customers(
        arrival=arrival,
        store=store,
        rep=rng.integers(world.reps_per_store, size=n),
        columns=columns,
        traits=traits,
        engagement=engagement,
        column_effect=world.column_scale * _standardised(effect),
        trait_effect=world.trait_scale * _standardised(trait_effect),
    )


def _arrivals(rng: np.random.Generator, n: int, days: int) -> Ints:
    """Weekends bring half as many again."""
    rate = np.where(np.arange(days) % 7 >= 5, 1.5, 1.0)
    return np.sort(rng.choice(days, n, p=rate / rate.sum()))


def _store_share(stores: int) -> Floats:
    share = 1.0 / (1.0 + 0.3 * np.arange(stores))
    return share / share.sum()


def _columns(
    rng: np.random.Generator, n: int, engagement: Floats
) -> tuple[dict[str, NDArray[np.generic]], Floats]:
    channel = rng.choice(len(CHANNELS), n, p=CHANNEL_SHARE)
    model = rng.integers(len(MODELS), size=n)
    payment = rng.choice(len(PAYMENTS), n, p=[0.2, 0.35, 0.2, 0.25])
    distance = rng.lognormal(2.3, 0.9, n)
    trade_in = np.where(rng.random(n) < 0.55, rng.gamma(4.0, 2.2, n), np.nan)
    price = MODEL_PRICE[model] * rng.lognormal(0.0, 0.08, n)
    effect = (
        CHANNEL_EFFECT[channel]
        + np.array([0.5, 0.2, 0.1, -0.6])[payment]
        - 0.35 * (np.log(distance) - 2.3)
        + 0.5 * np.tanh((np.nan_to_num(trade_in, nan=5.0) - 7.0) / 3.0)
        + 0.8 * engagement
    )
    columns: dict[str, NDArray[np.generic]] = {
        "channel": np.array(CHANNELS)[channel],
        "model": np.array(MODELS)[model],
        "payment": np.array(PAYMENTS)[payment],
        "age_band": rng.choice(AGE_BANDS, n),
        "distance_km": distance.round(1),
        "trade_in_years": trade_in.round(1),
        "quoted_price": (price * 1000).round(-2),
        "website_visits": rng.poisson(np.exp(1.0 + 0.8 * engagement)),
        "showroom_visits": rng.poisson(np.exp(-0.9 + 0.6 * engagement)),
    }
    return columns, effect


def _traits(rng: np.random.Generator, n: int) -> tuple[dict[str, Ints], Floats]:
    traits = {trait: rng.choice(3, n, p=TRAIT_SHARE) for trait in TRAITS}
    effect = np.sum([TRAIT_EFFECT[trait][level] for trait, level in traits.items()], axis=0)
    return traits, effect


def _standardised(values: Floats) -> Floats:
    return (values - values.mean()) / max(values.std(), 1e-9)
