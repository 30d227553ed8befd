"""The LightningDataModule: from a CRM file to batches with pairs."""

from functools import cached_property
from typing import Any, Literal

import lightning as L
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from leadrank.errors import UserError
from leadrank.funnel import Funnel, LeadTable, load_crm_file, read_lead_table
from leadrank.funnel.leaks import refuse_leaks
from leadrank.model.base_model import cache_folder, resolve_base
from leadrank.model.field_features import FieldFeatures
from leadrank.model.frozen import States
from leadrank.model.rows import LeadRows, default_scoring_tokens, scoring_batches
from leadrank.preference import Tier, with_thresholds
from leadrank.preference.settings import PreferenceSettings
from leadrank.text import PromptTemplate, TokenStore, fit_template, tokenise
from leadrank.text.ngrams import NGrams
from leadrank.training.follow_up import follow_up_weights
from leadrank.training.root import data_root
from leadrank.training.rows import PairedRows
from leadrank.training.sampler import SamplerSettings, StageSampler

#: Rows that can be trained or measured on.
USABLE = pl.col("mature") & pl.col("part").is_not_null()


class LeadDataModule(L.LightningDataModule):
    """Reads a CRM, splits it, writes its prompts and draws its batches.

    Args:
        crm: the CRM file.
        root: folder that its paths are relative to; null: `$LEADRANK_DATA`, else here.
        base: whose tokenizer to use; the command line links it to the encoder's base.
        prompt: how a lead is written out.
        preference: tiers of the pairs; the command line links it to the model's.
        sampler: how a training epoch is drawn.
        scoring_tokens: most tokens in a scoring batch, padding included; null: 1,024 on a
            CPU, whose caches that fits, and 65,536 on a GPU.
        states: how the frozen layers' states are kept on disk: float32, or float16, which takes
            half the room and moves scores by what docs/performance.md says; none keeps none.
            auto: float32 on a CPU and none on a GPU, which runs the layers faster than it gets
            their states.
        seed: fixes the batches.
        max_rows: read no more than so many rows, orders first; for trying things out.
        workers: processes that prepare batches beside the main one.
        count_repeats: as HPRO's released code does: validate as many rows on each of several
            devices, the first ones a second time where they do not come out even, and count
            them twice. One device has no repeats.
        leaks: ignore; refuse to train where the leakage guard (`leadrank check --leaks`) finds
            what the table proves to know the outcome; refuse_any: also what must be asked
            about.
    """

    def __init__(
        self,
        crm: str,
        root: str | None = None,
        base: str = "smollm2-135m",
        prompt: PromptTemplate = PromptTemplate(),  # noqa: B008
        preference: PreferenceSettings = PreferenceSettings(),  # noqa: B008
        sampler: SamplerSettings = SamplerSettings(),  # noqa: B008
        scoring_tokens: int | None = None,
        seed: int = 0,
        max_rows: int | None = None,
        workers: int = 0,
        count_repeats: bool = False,
        leaks: Literal["ignore", "refuse", "refuse_any"] = "ignore",
        states: States = "auto",
    ) -> None:
        super().__init__()
        self.crm = load_crm_file(crm)
        self.root = data_root(self.crm, root)
        self.base = base
        self.prompt = prompt
        self.preference = preference
        self.sampler = sampler
        self._scoring_tokens = scoring_tokens
        # A rank may have no validation rows: a small part on many devices.
        self.allow_zero_length_dataloader_with_multiple_devices = True
        self.seed = seed
        self.max_rows = max_rows
        self.workers = workers
        self.count_repeats = count_repeats
        self.leaks = leaks
        self.states = states

    @property
    def funnel(self) -> Funnel:
        """The funnel of the CRM file."""
        return self.crm.funnel

    @cached_property
    def table(self) -> LeadTable:
        """The lead table, read on first use; UserError when it cannot be trained on."""
        table = self._whole_table
        if self.max_rows is not None:
            table = _fewer_rows(table, self.max_rows)
        _check_orders(table)
        return table

    @cached_property
    def _whole_table(self) -> LeadTable:
        return read_lead_table(self.crm, self.root)

    @property
    def trial(self) -> tuple[int, int] | None:
        """Rows that were read and those that are usable, where `max_rows` left some out."""
        if self.max_rows is None:
            return None
        read, usable = self.table.rows.height, self._whole_table.rows.filter(USABLE).height
        return (read, usable) if read < usable else None

    @cached_property
    def tokens(self) -> TokenStore:
        """The token ids of the table's prompts, from the cache where they are there."""
        template = fit_template(self.prompt, self.table)
        return tokenise(self.table, template, self.tokenizer, cache_folder() / "tokens")

    @cached_property
    def tokenizer(self) -> Any:
        """The base's tokenizer."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(resolve_base(self.base).folder)

    @cached_property
    def field_features(self) -> FieldFeatures:
        """The fields' codes, learned on the mature training rows."""
        fields = self.crm.fields
        return FieldFeatures.fit(
            self.table.part("train").filter("mature"),
            [f.column for f in fields.numeric],
            [f.column for f in fields.categorical],
        )

    @cached_property
    def ngrams(self) -> NGrams:
        """The words and word pairs of the mature training rows' text."""
        return NGrams.fit(self.table.part("train").filter("mature"))

    @cached_property
    def rows(self) -> LeadRows:
        """All rows as tensors."""
        return LeadRows(self.table, self.tokens, self.field_features)

    @cached_property
    def follow_up(self) -> NDArray[np.float32]:
        """[rows] how much each row's outcome counts, by `preference.maturity`."""
        return follow_up_weights(self.table, self.preference).numpy()

    @cached_property
    def tiers(self) -> tuple[Tier, ...]:
        """What wins over what, thresholds learned on the training rows."""
        train = self.positions("train")
        return with_thresholds(
            self.preference.resolve(self.funnel),
            self.rows.signal[train],
            self.rows.signal_known[train],
        )

    def positions(self, part: str) -> NDArray[np.int64]:
        """Positions of a part's rows whose outcome counts: mature ones, save by `ipcw` or
        `open_is_lost` in training.
        """
        inside = (self.table.rows["part"] == part).fill_null(False).to_numpy()
        return np.flatnonzero(inside & (self.follow_up > 0))

    def setup(self, stage: str) -> None:
        """Reads everything now, so that a bad table ends the run before the model loads."""
        self.preference.resolve(self.funnel)  # refuses what the CRM file cannot give
        if self.leaks != "ignore":
            refuse_leaks(self.table, self.root, also_unsure=self.leaks == "refuse_any")
        train = self.positions("train")
        self._sampler = StageSampler(
            self.rows.length[train],
            self.rows.label.numpy()[train],
            self.rows.stratum()[train],
            settings=self.sampler,
            seed=self.seed,
            rank=self._rank,
            world_size=self._world_size,
        )
        self.rows.rate[train] = self.rows.rate.new_tensor(self._sampler.plan.rate)
        self._weigh_follow_up(train)
        left_out = self.preference.left_out(self.funnel)
        if left_out and self._rank == 0:
            print(left_out)

    def _weigh_follow_up(self, train: NDArray[np.int64]) -> None:
        """Training rows weigh what they stand for times what their outcome counts."""
        self.rows.follow_up = torch.from_numpy(self.follow_up)
        population = self.table.rows["weight"].to_numpy()[train]
        weight = population * self.follow_up[train]
        self.rows.weight[train] = self.rows.weight.new_tensor(weight)

    def train_dataloader(self) -> DataLoader:
        """Batches with pairs, drawn by stage and length."""
        paired = PairedRows(self.rows, self.tiers, self.preference, self.seed)
        part = _Positions(paired, self.positions("train"))
        return DataLoader(
            part, sampler=self._sampler, batch_size=None, num_workers=self.workers,
            persistent_workers=self.workers > 0, pin_memory=self._on_gpu,
        )  # fmt: skip

    def val_dataloader(self) -> DataLoader:
        """The mature validation rows without pairs, each once over all ranks.

        With `count_repeats` the first ones a second time, to even out the ranks.
        """
        positions, ranks = self.positions("validation"), (self._rank, self._world_size)
        if self.count_repeats:
            missing = -len(positions) % self._world_size
            padded = np.concatenate([positions, positions[:missing]])
            # Dealt by row, since batches of one cost would hold unlike numbers of rows.
            positions, ranks = padded[self._rank :: self._world_size], (0, 1)
        batches = scoring_batches(
            self.rows.cost(positions),
            max_tokens=self.scoring_tokens,
            rank=ranks[0],
            world_size=ranks[1],
        )
        # A rank without rows would skip the validation in which the others wait for it; it
        # repeats one, which the metric counts once.
        batches = batches or [np.array([0])]
        part = _Positions(self.rows, positions)
        return DataLoader(part, sampler=batches, batch_size=None, pin_memory=self._on_gpu)

    def used_positions(self) -> NDArray[np.int64]:
        """Positions of all rows that a run reads: the mature ones of the three parts."""
        return np.concatenate([self.positions(p) for p in ("train", "validation", "test")])

    @property
    def scoring_tokens(self) -> int:
        """Most tokens in a scoring batch on this run's device."""
        return self._scoring_tokens or default_scoring_tokens(self._on_gpu)

    @property
    def has_groups(self) -> bool:
        """Whether leads compete in lists."""
        return self.crm.group is not None

    @property
    def _rank(self) -> int:
        return self.trainer.global_rank if self.trainer else 0

    @property
    def _world_size(self) -> int:
        return self.trainer.world_size if self.trainer else 1

    @property
    def _on_gpu(self) -> bool:
        trainer = self.trainer
        return trainer is not None and trainer.strategy.root_device.type == "cuda"


class _Positions(Dataset[dict[str, Any]]):
    """A part of a dataset: positions within the part become positions in the table."""

    def __init__(self, rows: LeadRows | PairedRows, positions: NDArray[np.int64]) -> None:
        self.rows, self.positions = rows, positions

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: NDArray[np.int64]) -> dict[str, Any]:
        return self.rows[self.positions[index]]


def _check_orders(table: LeadTable) -> None:
    final = table.crm.stage_names[-1]
    problems = []
    for part in ("train", "validation", "test"):
        label = table.part(part).filter("mature")["label"]
        orders = int(label.sum())
        for count, name in ((orders, "reached"), (len(label) - orders, "missed")):
            if not count:
                problems.append(
                    f"{table.crm.path}: none of the {len(label):,} mature rows of the {part} "
                    f"part {name} the final stage {final!r}; expected some that did and some "
                    "that did not; check the final stage's rule, or change `split`"
                )
    if problems:
        raise UserError("\n".join(problems))


def _fewer_rows(table: LeadTable, max_rows: int) -> LeadTable:
    """A third of `max_rows` from each part, half of them orders where there are enough."""
    from dataclasses import replace

    each = max(2, max_rows // 6)
    place = pl.int_range(pl.len()).over("part", "label")
    rows = table.rows.filter(USABLE).filter(place < each)
    return replace(table, rows=rows, fingerprint=f"{table.fingerprint}-first-{max_rows}")
