"""All benches by name, in the order in which they run: the quick ones first."""

from collections.abc import Callable

from leadrank.bench.batch_plan import batch_plan
from leadrank.bench.encode_once import encode_once
from leadrank.bench.engine_quality import engine_quality
from leadrank.bench.figure import Figure
from leadrank.bench.frozen_trunk import frozen_trunk
from leadrank.bench.growth import growth
from leadrank.bench.leads import Leads
from leadrank.bench.list_metrics import list_metrics
from leadrank.bench.scoring import scoring
from leadrank.bench.sizes import Sizes
from leadrank.bench.table_at_size import table_at_size
from leadrank.bench.tokens_that_matter import padding, pairs_in_a_step, repeated_prompts

#: They need no model and no leads.
OF_SIZE: dict[str, Callable[[Sizes], list[Figure]]] = {
    "plan": batch_plan,
    "metrics": list_metrics,
    "table": table_at_size,
}
OF_LEADS: dict[str, Callable[[Leads, Sizes], list[Figure]]] = {
    "padding": padding,
    "repeated": repeated_prompts,
    "pairs": pairs_in_a_step,
    "scoring": scoring,
    "frozen": frozen_trunk,
    "once": encode_once,
    "growth": growth,
}
#: On the simulated world; takes longer than all others together, so it is run when asked for.
OF_WORLD: dict[str, Callable[[Leads, Sizes], list[Figure]]] = {"quality": engine_quality}
NAMES = (*OF_SIZE, *OF_LEADS, *OF_WORLD)
