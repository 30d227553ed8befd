"""The simulated dealership: its people, days and texts, the truth, and a small draw."""

from leadrank.world.export import make_world
from leadrank.world.quickstart import ensure_world, quickstart_table
from leadrank.world.settings import WorldSettings

__all__ = ["WorldSettings", "ensure_world", "make_world", "quickstart_table"]
