"""The validation metric over devices: every row once, whatever the number of ranks.

Lightning's samplers repeat rows to even out the ranks, and ranks may see different numbers of
batches. So the state carries whole rows with their ids; `compute` drops the repeats, sorts by
row id and measures the table. All ranks hold the whole table then: 64 bytes a row.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from leadrank.preference.metrics import ranking_metrics

COLUMNS = 8


class RankingMetric(Metric):
    """Collects scored rows and measures them with `ranking_metrics`.

    One float64 tensor [k, 8] holds a batch, so that one gather moves everything; it is exact
    for row ids and codes below 2^53. `ece` and `brier` are those of sigmoid(score): there is no
    calibrator yet while training.

    Args:
        count_repeats: count a row as often as it came, as HPRO's released code does; only to
            reproduce it.
        kwargs: torchmetrics' own.
    """

    full_state_update = False
    rows: list[Tensor]

    def __init__(self, *, count_repeats: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count_repeats = count_repeats
        self.add_state("rows", default=[], dist_reduce_fx="cat")

    def update(
        self,
        row_id: Int64[Tensor, " n"],
        score: Float[Tensor, " n"],
        label: Tensor,
        weight: Float[Tensor, " n"],
        stage: Int64[Tensor, " n"],
        stage_known: Bool[Tensor, " n"],
        group: Int64[Tensor, " n"] | None = None,
        group_known: Bool[Tensor, " n"] | None = None,
    ) -> None:
        """Add the rows of a batch; without `group` [n] there are no list metrics.

        `group_known` [n] tells the rows that compete in a list; without it all of them do.
        """
        everywhere = torch.full_like(row_id, group is not None)
        listed = everywhere if group_known is None else everywhere * group_known
        lists = torch.zeros_like(row_id) if group is None else group
        columns = (row_id, score, label, weight, stage, stage_known, lists, listed)
        self.rows.append(torch.stack([column.detach().double() for column in columns], dim=1))

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """Gather from all ranks, a rank without rows too.

        torchmetrics stands in for an empty state with a float32 vector, which cannot be
        gathered with float64 tables of two dimensions.
        """
        if not self.rows:
            self.rows.append(torch.zeros((0, COLUMNS), dtype=torch.float64).to(self.device))
        super().sync(*args, **kwargs)

    def compute(self) -> dict[str, Any]:
        """Return `ranking_metrics` of all rows of all ranks, each row once by default."""
        rows = (
            dim_zero_cat(self.rows)
            if len(self.rows)
            else torch.zeros((0, COLUMNS), dtype=torch.float64)
        )
        rows = rows.cpu() if self.count_repeats else _once(rows.cpu())
        score, label, weight, stage, known, group, listed = rows[:, 1:].unbind(1)
        return ranking_metrics(
            score,
            label,
            weight,
            probability=score.sigmoid(),
            stage=stage.long(),
            stage_known=known.bool(),
            group=group.long() if listed.any() else None,
            group_known=listed.bool(),
        )


def _once(rows: Tensor) -> Tensor:
    """Keep one of the rows of each id, by ascending id.

    Copies may differ in the last digits of their score (other batch mates); the lowest score is
    kept, whichever rank it came from.
    """
    rows = rows[rows[:, 1].argsort(stable=True)]
    rows = rows[rows[:, 0].argsort(stable=True)]
    first = torch.ones(len(rows), dtype=torch.bool)
    return rows[torch.cat([first[:1], rows[1:, 0] != rows[:-1, 0]])]
