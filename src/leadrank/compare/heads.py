"""LLM systems on frozen vectors: a preset's head, its rate chosen on validation.

The trunk is read once a set of prompts, so a head trains in seconds and five seeds with a
search of the rate are affordable. What is given up: adapters, and with them the Yes/No answer;
a LoRA run is taken into a comparison by its run folder.
"""

import contextlib
import io
from typing import Any

import numpy as np
import torch

from leadrank.compare.head_fit import Fitted, Ready, fit_head
from leadrank.compare.presets import Preset, load_preset, settings_of
from leadrank.compare.study import Scored, Study
from leadrank.compare.system import System
from leadrank.model.wide import WideBranch
from leadrank.training.callbacks import start_on_train

#: The tuning budget of each preset: the best rate by AUC over these seeds.
HEAD_RATES = (1e-4, 1e-3, 1e-2)
TUNING_SEEDS = (0, 1, 2)
TERMS = (
    "one of three rates of the head by AUC on validation, averaged over three seeds; the best "
    "of up to 20 epochs by the same figure, or the start where that was not clearly below it"
)


def preset_system(name: str, title: str) -> System:
    """`experiments/NAME.yaml` on frozen vectors, as one system of the comparison.

    Off in it: adapters and the Yes/No answer, since frozen vectors leave them nothing to train.
    """

    def fit_and_score(study: Study, seed: int) -> Scored:
        return fit_preset(study, name, seed)

    def settings(study: Study) -> dict[str, Any]:
        return settings_of(study, name)

    return System(
        title, fit_and_score, reads="both", seeds=5, llm=True, terms=TERMS, settings=settings
    )


def fit_preset(study: Study, name: str, seed: int) -> Scored:
    """Trains the preset `name` on frozen vectors at the rate of its tuning; logits.

    The rate is the best by AUC on validation, averaged over TUNING_SEEDS: one seed's is too
    noisy to choose by. The study remembers each fit, for the seeds that follow and for a system
    that is stacked on this one.
    """
    tried = _tuning(study, name)
    rate = max(tried, key=lambda one: float(np.mean([fit.validation for fit in tried[one]])))
    fits = study.memory.setdefault(
        f"heads/{name}/seeds", dict(zip(TUNING_SEEDS, tried[rate], strict=True))
    )
    if seed not in fits:
        fits[seed] = fit_head(study, ready(study, name), seed, rate)
    return Scored(fits[seed].score, _chosen(tried, fits[seed]), logit=True)


def _tuning(study: Study, name: str) -> dict[float, list[Fitted]]:
    """Every rate's fits, one for each of TUNING_SEEDS."""
    key = f"heads/{name}"
    if key not in study.memory:
        head = ready(study, name)
        study.memory[key] = {
            rate: [fit_head(study, head, seed, rate) for seed in TUNING_SEEDS]
            for rate in HEAD_RATES
        }
    return study.memory[key]


def _chosen(tried: dict[float, list[Fitted]], fit: Fitted) -> dict[str, Any]:
    return {
        "head_rate": fit.rate,
        "validation_by_rate": {
            f"{rate:g}": [round(one.validation, 4) for one in fits]
            for rate, fits in tried.items()
        },
        "validation": round(fit.validation, 4),
        "best_epoch": fit.epoch,
    }


def ready(study: Study, name: str) -> Ready:
    """The preset `name` on a study, made ready once."""
    key = f"heads/{name}/ready"
    if key not in study.memory:
        study.memory[key] = _prepare(study, load_preset(study, name))
    return study.memory[key]


def _prepare(study: Study, preset: Preset) -> Ready:
    data, head = preset.data, preset.ranker.head_settings
    data.tokens, frozen = study.trunk.read(data, preset.ranker.encoder_settings)
    data.rows.frozen = frozen
    if head.start == "random" and not head.wide:
        return Ready(preset, data)
    with contextlib.redirect_stdout(io.StringIO()):
        data.setup("fit")  # what training rows weigh
    fields, ngrams = data.rows.fields.numpy(), data.ngrams.encode(data.table.rows)
    read = fields if head.fields else fields[:, :0]
    inputs = frozen.vectors(), read, ngrams if head.wide else ngrams[:, :0]
    probe, _ = start_on_train(data, *inputs, start=head.start)
    if probe.ngram_weight.any():
        wide = WideBranch(data.ngrams, probe.ngram_weight)
        data.rows.wide = torch.from_numpy(wide.score(data.table.rows))
    if head.start == "random":
        return Ready(preset, data)
    return Ready(preset, data, probe, probe.score(*inputs).astype(np.float64))
