"""What fixes a simulated dealership: sizes, seed, and the laws its customers follow."""

from dataclasses import dataclass
from datetime import datetime, timedelta

#: The first day of every world; a Monday, so that list days are `day % 7`.
START = datetime(2024, 1, 1)
#: Call lists are drawn on Mondays and Thursdays at this hour, before the first call of the day.
LIST_WEEKDAYS = (0, 3)
LIST_HOUR = 8
HORIZON_DAYS = 30


@dataclass(frozen=True)
class WorldParameters:
    """The parameters of a world; the same parameters give the same bytes.

    Log-hazards are natural logarithms of a rate per day. The daily order hazard of a lead of
    age a days is

        exp(order_base + column_effect + trait_effect) * (cold + exp(-a / cooling_days)),

    times `test_drive_effect` once the lead has driven the car.
    """

    leads: int
    days: int
    seed: int
    stores: int = 6
    reps_per_store: int = 4
    followed_days: int = 130  # age at which a lead is forgotten
    order_base: float = -9.31
    column_scale: float = 0.95  # standard deviation of column_effect
    trait_scale: float = 1.65  # standard deviation of trait_effect
    cooling_days: float = 40.0
    cold: float = 0.1
    test_drive_base: float = -4.8
    test_drive_effect: float = 2.0
    defeat_base: float = -4.6
    reopened: float = 0.3  # share of defeats that are taken back
    misheard: float = 0.1  # share of remarks in a note that report another level than the truth

    @property
    def extract(self) -> datetime:
        """The moment the CRM is read; what happens later is not in the tables."""
        return START + timedelta(days=self.days)
