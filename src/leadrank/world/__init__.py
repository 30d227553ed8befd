"""The simulated dealership: customers, their funnel and calls, the truth, and a small draw."""

from leadrank.world.parameters import WorldParameters
from leadrank.world.quickstart import ensure_world, quickstart_table
from leadrank.world.simulate import make_world

__all__ = ["WorldParameters", "ensure_world", "make_world", "quickstart_table"]
