"""Online tests of a call list: who gets which policy, how long, and what it was worth.

Pure statistics of arrays and tables; what runs a policy lies above (`cli/abtest_simulate.py`).
"""

from leadrank.online.analysis import Analysis, analyse, format_analysis
from leadrank.online.assignment import assign
from leadrank.online.effect import Effect, estimate
from leadrank.online.plan import Plan, design, format_plan
from leadrank.online.potential import Potential, Replays, all_orders, share_significant
from leadrank.online.sequential import always_valid_multiplier, spending_multipliers
from leadrank.online.unit_table import UnitTable, read_unit_table

__all__ = [
    "Analysis",
    "Effect",
    "Plan",
    "Potential",
    "Replays",
    "UnitTable",
    "all_orders",
    "always_valid_multiplier",
    "analyse",
    "assign",
    "design",
    "estimate",
    "format_analysis",
    "format_plan",
    "read_unit_table",
    "share_significant",
    "spending_multipliers",
]
