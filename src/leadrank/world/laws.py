"""How people behave: pure functions from hidden state to log-odds per day.

Kept apart from the day's bookkeeping, because the simulation and the truth (`truth`) must obey
the same laws. Every law is elementwise over leads.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float32]
Ints = NDArray[np.integer]

#: What stands between the customer and us, by state.
RIVALS = ("none", "comparing", "leaning to the rival", "turned away from the rival")
RIVAL_EFFECT = np.array([0.25, -0.35, -1.6, 0.75], np.float32)
RIVAL_GONE = np.array([-0.5, 0.0, 1.25, -0.5], np.float32)  # on leaving
HOUSES = ("against", "undecided", "agreed")
HOUSE_EFFECT = np.array([-1.9, -0.4, 0.4], np.float32)
#: Daily chances to pass from one state (row) to another (column).
RIVAL_STEP = np.array(
    [
        [0.988, 0.012, 0.0, 0.0],
        [0.005, 0.968, 0.015, 0.012],
        [0.0, 0.010, 0.984, 0.006],
        [0.010, 0.004, 0.0, 0.986],
    ]
)
HOUSE_STEP = np.array([[0.988, 0.012, 0.0], [0.012, 0.968, 0.020], [0.0, 0.006, 0.994]])
RIVAL_START = (0.45, 0.30, 0.13, 0.12)
HOUSE_START = (0.2, 0.35, 0.45)

MOMENTUM_KEPT = float(np.exp(-1 / 15))  # a day: what a conversation did wears off
FATIGUE_KEPT = float(np.exp(-1 / 8))
CONNECT_GONE = 0.6  # who has bought elsewhere answers less often
DRIVE_SLOPE = 0.4  # of eta, in the log-odds of coming for a test drive unasked
BOOKING_BASE, BOOKING_SLOPE = -2.6, 0.5  # log-odds of an appointment in a conversation


def timing(ahead: Floats) -> Floats:
    """Effect on the order's log-odds of the days until the customer means to decide.

    -0.8 + 2.5 exp(-(ahead / 10)^2 / 2); -0.3 without a date (NaN).
    """
    near = np.exp(-0.5 * np.square(ahead / np.float32(10)))
    dated = np.float32(-0.8) + np.float32(2.5) * near
    return np.where(np.isnan(ahead), np.float32(-0.3), dated).astype(np.float32)


def season(day: int | NDArray[np.integer]) -> float | NDArray[np.floating]:
    """Effect of the time of year: more orders in spring and autumn."""
    return 0.12 * np.sin(4 * np.pi * (np.asarray(day) - 30) / 365)


def gain(lift: Floats, skill: Floats, ahead: Floats, fatigue: Floats) -> Floats:
    """What a conversation adds to momentum: skill lift gate exp(-0.7 fatigue) - 0.2 fatigue.

    The gate is 1 when the customer is about to decide and falls to 0.25 far from it; being
    rung again soon counts for less and less and then against us.
    """
    near = np.exp(-0.5 * np.square(ahead / np.float32(15)))
    gate = np.where(np.isnan(ahead), np.float32(0.5), np.float32(0.25) + 0.75 * near)
    return skill * lift * gate * np.exp(-0.7 * fatigue) - 0.2 * fatigue


def chance(log_odds: Floats) -> Floats:
    """Chance of an event within a day at these log-odds: 1 / (1 + exp(-log_odds))."""
    return expit(log_odds)


def gone_log_odds(base: float, trust: Floats, momentum: Floats, ahead: Floats) -> Floats:
    """Of buying elsewhere or giving up, before the rival's part; more past the date."""
    late = np.nan_to_num(ahead, nan=0.0) < -10
    return base - 0.2 * trust - 0.3 * momentum + np.where(late, np.float32(0.7), 0)


def step_state(state: NDArray[np.int8], steps: NDArray, draw: Floats) -> NDArray[np.int8]:
    """The next state of a Markov chain: the first whose cumulated chance exceeds the draw."""
    cumulated = steps.cumsum(axis=1).astype(np.float32)[:, :-1]
    return (draw[:, None] >= cumulated[state]).sum(axis=1).astype(np.int8)
