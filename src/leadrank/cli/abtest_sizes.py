"""How large a test `leadrank abtest simulate` runs: as asked for, or by default."""

from argparse import Namespace

from leadrank.cli.abtest_policies import LIGHTGBM, check_policy, is_named
from leadrank.cli.world import LARGEST_SEED, MOST_LEADS
from leadrank.errors import UserError
from leadrank.online.plan import LEAD_REFUSED
from leadrank.world.settings import WorldSettings

#: A run reads some 1,600 prompts a rep in 132 days, so a CPU affords it few stores.
STORES_OF_A_RUN = 5
DEFAULTS = {"stores": 200, "days": 132, "before": 60, "replays": 500}
#: Seconds, and about two minutes with a run; LightGBM needs orders to learn from.
SMOKE_STORES_OF_A_RUN = 2
SMOKE = {"stores": 10, "days": 14, "before": 45, "replays": 20}


def with_sizes(chosen: Namespace) -> Namespace:
    """What was asked for with defaults in place, checked.

    Raises UserError for unknown policies, leads as units, and sizes that leave no test.
    """
    if chosen.unit == "lead":
        raise UserError(LEAD_REFUSED)
    for name in (chosen.treatment, chosen.control):
        check_policy(name)
    sizes = SMOKE if chosen.smoke else DEFAULTS
    if not (is_named(chosen.treatment) and is_named(chosen.control)):
        few = SMOKE_STORES_OF_A_RUN if chosen.smoke else STORES_OF_A_RUN
        sizes = {**sizes, "stores": few}
    given = {name: value for name, value in vars(chosen).items() if value is not None}
    sized = Namespace(**{**vars(chosen), **sizes, **given})
    _check(sized)
    return sized


def world_settings(sized: Namespace) -> WorldSettings:
    """A world with so many stores, over the days before the test and its own."""
    defaults = WorldSettings(leads=1, days=1)
    days = sized.before + sized.days
    reps = sized.stores * defaults.reps_per_store
    leads = round(reps * sized.leads_per_rep * (days + defaults.warm_up))
    return WorldSettings(leads=leads, days=days, new_leads_per_rep=sized.leads_per_rep)


def _check(sized: Namespace) -> None:
    problems = []
    if sized.control == LIGHTGBM:
        problems.append(
            "--control lightgbm: it learns from days before; give it as --treatment"
        )
    # Two units in each arm at least; a dealership has two stores or more.
    fewest = 4 if sized.unit == "store" else 2
    if sized.stores < fewest:
        problems.append(f"--stores {sized.stores}: expected {fewest} or more")
    if not sized.leads_per_rep > 0:
        problems.append(f"--leads-per-rep {sized.leads_per_rep}: expected more than 0")
    if not 0 <= sized.skip_days < sized.days:
        problems.append(f"--skip-days {sized.skip_days}: expected 0 to {sized.days - 1}")
    if sized.before < 1 or sized.replays < 1:
        problems.append("--before and --replays: expected 1 or more")
    if not 0 <= sized.seed < LARGEST_SEED:
        problems.append(f"--seed {sized.seed}: expected 0 to {LARGEST_SEED - 1}")
    if sized.out.suffix != ".png":
        problems.append(f"--out {sized.out}: expected a name that ends in .png")
    # Only of sizes that make a world at all.
    if not problems and (leads := world_settings(sized).leads) > MOST_LEADS:
        problems.append(
            f"--stores {sized.stores}: that makes {leads:,} leads; expected {MOST_LEADS:,} at "
            "most: give fewer --stores, --days or --leads-per-rep"
        )
    if problems:
        raise UserError("\n".join(problems))
