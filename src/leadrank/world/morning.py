"""The hidden state of leads on a morning: what the truth is computed from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from leadrank.world import laws
from leadrank.world.settings import WorldSettings

if TYPE_CHECKING:
    from leadrank.world.dealership import Dealership

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Morning:
    """The hidden state of some leads on some morning; one entry per row [n]."""

    arrival: Floats
    day: Floats
    due: Floats
    fixed: Floats
    trust: Floats
    lift: Floats  # times the rep's skill
    reach: Floats
    rival: NDArray[np.int8]
    household: NDArray[np.int8]
    momentum: Floats
    fatigue: Floats
    driven: NDArray[np.bool_]
    booked: Floats
    gone: NDArray[np.bool_]

    @classmethod
    def of(cls, world: "Dealership", state: dict[str, NDArray]) -> Self:
        """From entries of the log's table `rows`."""
        people, lead = world.people, state["lead"]
        skill = world.staff.skill[people.rep[lead]]
        return cls(
            people.arrival[lead].astype(np.float32), state["day"].astype(np.float32),
            people.due[lead], people.fixed[lead], people.trust[lead],
            people.lift[lead] * skill, people.reach[lead], state["rival"], state["household"],
            state["momentum"], state["fatigue"], state["driven"],
            state["booked"].astype(np.float32), state["gone"],
        )  # fmt: skip

    @classmethod
    def now(cls, world: "Dealership", lead: NDArray) -> Self:
        """The state of leads on the dealership's present morning."""
        state = world.state
        return cls.of(
            world,
            {
                "lead": lead, "day": np.full(len(lead), world.day),
                "driven": state.drives[lead] > 0,
                **{
                    name: getattr(state, name)[lead]
                    for name in ("rival", "household", "momentum", "fatigue", "booked", "gone")
                },
            },
        )  # fmt: skip

    def eta(self, settings: WorldSettings) -> Floats:
        """Log-odds of an order that day [n] less their base and the season."""
        return (
            self.fixed
            + laws.RIVAL_EFFECT[self.rival]
            + laws.HOUSE_EFFECT[self.household]
            + laws.timing(self.due - self.day)
            + self.momentum
            + np.float32(settings.drive_effect) * self.driven
        ).astype(np.float32)

    def __getitem__(self, rows: slice) -> "Morning":
        return Morning(**{name: values[rows] for name, values in vars(self).items()})

    def __len__(self) -> int:
        return len(self.day)
