"""What fixes a simulated dealership besides its seed: sizes, and the laws people follow.

Effects are added to the log-odds of an event within a day unless said otherwise.
"""

from dataclasses import dataclass
from datetime import datetime

#: Day 0 of every world, a Monday.
START = datetime(2024, 1, 1)
SNAPSHOT_HOUR = 8
HORIZON_DAYS = 30


@dataclass(frozen=True)
class WorldSettings:
    """Sizes and laws; the same settings and seed give the same world.

    `leads` arrive from day `-warm_up` to day `days`, so that day 0 finds a dealership at work.
    The daily log-odds of an order are

        order_base + fixed + rival + household + timing + momentum + drive + season,

    where `fixed` does not change (`people`), and the others are described in `laws`.
    """

    leads: int
    days: int
    warm_up: int = 90
    new_leads_per_rep: float = 1.5  # a day
    reps_per_store: int = 4
    calls_per_day: int = 18  # attempts a rep has time for
    weekend_calls: float = 0.4  # share of them on Saturdays and Sundays
    rest_days: int = 3  # between a conversation and the next attempt
    oldest: int = 90  # age in days at which a lead is filed away
    snapshot_share: float = 0.063  # of the open leads on a morning become rows
    order_base: float = -9.12
    column_scale: float = 0.5  # standard deviation of what columns say of `fixed`
    need: float = 0.65
    budget: float = 0.75
    trust: float = 0.6
    call_scale: float = 1.0  # times the effect of a conversation on momentum
    drive_base: float = -5.3
    drive_effect: float = 0.9
    gone_base: float = -5.1  # buys elsewhere, or gives the plan up
    visit_base: float = -4.3  # comes in, or writes, unasked
    grade_noise: float = 1.8  # of the rep's grade of a lead, standard deviation
    misstated: float = 0.06  # share of statements made at random, a third of them right

    def __post_init__(self) -> None:
        if self.leads < 1 or self.days < 1 or self.warm_up < 0:
            raise ValueError(
                "a world needs at least 1 lead, 1 day and no negative warm-up, got "
                f"{self.leads}, {self.days} and {self.warm_up}"
            )
