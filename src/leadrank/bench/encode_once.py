"""Each lead encoded once a step, however many pairs it is in, beside TRL's RewardTrainer.

Both train the same layers, unquantised, with the same adapters on the same token ids. TRL
encodes both leads of each pair, so it encodes a lead as often as it is in a pair.
"""

import contextlib
import io
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leadrank.bench.clock import side_by_side
from leadrank.bench.figure import Figure
from leadrank.bench.leads import Leads, new_model
from leadrank.bench.sizes import Sizes
from leadrank.bench.step import Stepper
from leadrank.errors import UserError
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.preference import Pairs, Tier
from leadrank.training.sampler import SamplerSettings

LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
PAIRS_PER_LEAD, BATCHES, ROUNDS_ON_GPU = 4, 2, 4
DEEPER = (Tier(name="deeper", winner=(1,), loser=(0,), margin=0.0, weight=1.0),)


def encode_once(leads: Leads, sizes: Sizes) -> list[Figure]:
    """Leads encoded and pairs trained per second over TRL's, and over padding to the most.

    Ours are batches as `fit` draws them, of leads about as long; TRL shuffles the same pairs.
    """
    settings = EncoderSettings(
        quantisation="none", layers=sizes.layers, adapt_from=0, lora_targets=LINEAR
    )
    stepper = Stepper(new_model(leads, settings), DEEPER)
    drawn = [_pairs(leads, positions) for positions in _batches(leads, sizes.step_leads)]

    def batches() -> Iterator[dict[str, Any]]:
        # In the time of a step, as TRL collates in its own.
        return ({**leads.data.rows[positions], "pairs": pairs} for positions, pairs in drawn)

    def padded() -> Iterator[dict[str, Any]]:
        return ({**batch, **_to_the_most(batch, sizes.tokens)} for batch in batches())

    rows = sum(len(positions) for positions, _ in drawn)
    count = sum(len(pairs.winner) for _, pairs in drawn)
    with tempfile.TemporaryDirectory() as folder:
        train = trl_epoch(leads, settings, drawn, sizes.tokens, folder)
        calls: dict[str, Callable[[], Any]] = {
            "ours": lambda: stepper.epoch(batches()),
            "padded": lambda: stepper.epoch(padded()),
            "trl": train,
        }
        stepper.step(next(batches()))
        # On a CPU TRL's start is nothing beside its minutes; a GPU's first steps are slow.
        if on_gpu := leads.device.type == "cuda":
            train()
        took = side_by_side(calls, ROUNDS_ON_GPU if on_gpu else 1)
    encoded = 2 * count / rows * took["ours"]
    return [
        Figure("leads encoded a second over TRL's", took["trl"] / encoded, "times", rows, 1.0),
        Figure("pairs a second over TRL's", took["trl"] / took["ours"], "times", count, 8.0),
        Figure("  TRL's pairs a second", count / took["trl"], "/s", count),
        Figure("  ours", count / took["ours"], "/s", count),
        Figure(
            "step padded to the most, over ours", took["padded"] / took["ours"], "times", rows
        ),
    ]


def _batches(leads: Leads, size: int) -> list[NDArray[np.int64]]:
    """Positions of the first batches of an epoch."""
    batches = leads.sampler(SamplerSettings(batch_size=size)).batches()[:BATCHES]
    return [leads.data.positions("train")[batch] for batch in batches]


def _pairs(leads: Leads, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], Pairs]:
    """A batch, and four times as many distinct pairs of unequal stage as it has leads."""
    stage = leads.data.rows.stage[positions]
    winner, loser = (stage[:, None] > stage[None, :]).nonzero().T
    chosen = torch.from_numpy(
        np.random.default_rng(0).permutation(len(winner))[: PAIRS_PER_LEAD * len(positions)]
    )
    ones = torch.ones(len(chosen))
    none = torch.zeros(len(chosen), dtype=torch.int64)
    return positions, Pairs(winner[chosen], loser[chosen], none, 0 * ones, ones)


def _to_the_most(batch: dict[str, Any], tokens: int) -> dict[str, Any]:
    missing = tokens - batch["input_ids"].shape[1]
    names = ("input_ids", "attention_mask")
    return {n: torch.nn.functional.pad(batch[n], (0, missing)) for n in names}


def trl_epoch(
    leads: Leads,
    settings: EncoderSettings,
    batches: Sequence[tuple[NDArray[np.int64], Pairs]],
    tokens: int,
    folder: str,
) -> Callable[[], Any]:
    """A call that trains one epoch of these pairs by TRL, as many leads a batch as in ours.

    UserError where TRL is not there.
    """
    try:
        from datasets import Dataset
        from peft import LoraConfig
        from trl import RewardConfig, RewardTrainer
    except ImportError as error:
        raise UserError(
            f"bench: {error}; the rivals are an extra: pip install 'leadrank[bench]'"
        ) from None
    rows = [
        {
            "chosen_ids": leads.data.tokens[int(positions[winner])].tolist(),
            "rejected_ids": leads.data.tokens[int(positions[loser])].tolist(),
        }
        for positions, pairs in batches
        for winner, loser in zip(pairs.winner.tolist(), pairs.loser.tolist(), strict=True)
    ]
    adapters = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        target_modules=list(settings.lora_targets),
        task_type="SEQ_CLS",
    )

    config = RewardConfig(
        output_dir=folder,
        per_device_train_batch_size=max(1, len(batches[0][0]) // 2),
        num_train_epochs=1,
        max_length=tokens,
        gradient_checkpointing=False,
        bf16=leads.device.type == "cuda",
        use_cpu=leads.device.type == "cpu",
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    make = _silently(
        lambda: RewardTrainer(
            model=rival_model(settings, leads.data.tokenizer, dtype=own_dtype(leads.device)),
            args=config,
            processing_class=leads.data.tokenizer,
            train_dataset=Dataset.from_list(rows),
            peft_config=adapters,
        )
    )
    return _silently(make().train)


def _silently(call: Callable[[], Any]) -> Callable[[], Any]:
    """Without what it prints and warns of, which would tear the table apart."""

    def run() -> Any:
        with (
            warnings.catch_warnings(action="ignore"),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            return call()

    return run


def own_dtype(device: torch.device) -> torch.dtype:
    """The rivals' weights have ours: bfloat16 on a GPU, transformers' default on a CPU."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def rival_model(
    settings: EncoderSettings, tokenizer: Any, *, dtype: torch.dtype = torch.float32, **how: Any
) -> Any:
    """transformers' own classifier on as many layers of the same base."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from leadrank.model.base_model import resolve_base
    from leadrank.model.trunk import quietly

    folder = resolve_base(settings.base).folder
    config = AutoConfig.from_pretrained(folder)
    config.num_hidden_layers, config.num_labels = settings.layers, 1
    config.pad_token_id = tokenizer.pad_token_id or tokenizer.eos_token_id
    with quietly():
        return AutoModelForSequenceClassification.from_pretrained(
            folder, config=config, dtype=dtype, **how
        )
