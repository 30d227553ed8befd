"""How much is measured: the sizes that figures are stated for, and `--smoke`'s."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Sizes of all benches.

    Args:
        table_rows: rows of the generated CRM table; the paper's industrial test.
        plan_rows: rows of the batch plan.
        lists: lists of `per_list` scores each.
        per_list: scores in a list.
        rival_lists: lists that torchmetrics measures.
        layers: layers of the base that are used.
        tokens: most tokens of a prompt.
        step_leads: leads of a step beside TRL; it gets four times as many pairs.
        wide_step_leads: leads of the step in which pairs are timed.
        epoch_leads: leads of an epoch that starts from kept states.
        trunk_layers: layers there, and from which on they are adapted.
        scored_leads: leads scored beside the transformers pipeline.
        quality_rows: rows of the world on which the CPU engines' rankings are compared.
        quality_tokens: most tokens of their prompts.
        repeats: rounds of each comparison.
    """

    table_rows: int = 6_140_000
    plan_rows: int = 10_000_000
    lists: int = 100_000
    per_list: int = 100
    rival_lists: int = 2_000
    layers: int = 12
    tokens: int = 192
    step_leads: int = 32
    wide_step_leads: int = 256
    epoch_leads: int = 96
    trunk_layers: tuple[int, int] = (16, 12)
    scored_leads: int = 96
    quality_rows: int = 20_000
    quality_tokens: int = 64
    repeats: int = 4


#: A GPU takes no notice of less.
ON_GPU = Sizes(step_leads=256, epoch_leads=1_024, scored_leads=1_024)
SMOKE = Sizes(
    table_rows=3_000,
    plan_rows=20_000,
    lists=40,
    per_list=50,
    rival_lists=40,
    layers=2,
    tokens=32,
    step_leads=6,
    wide_step_leads=8,
    epoch_leads=8,
    trunk_layers=(2, 1),
    scored_leads=12,
    quality_rows=300,
    quality_tokens=32,
    repeats=1,
)
