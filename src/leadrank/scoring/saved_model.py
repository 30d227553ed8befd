"""What a run keeps of its model: all that scoring needs beside the base model's own weights.

Safetensors and text only: nothing in the folder can run code when it is loaded.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file, save_file

from leadrank.errors import UserError
from leadrank.funnel import CrmFile, dump_crm_file, load_crm_file
from leadrank.model.base_model import EMBEDDED, LOCAL
from leadrank.model.cpu_engine import cpu_engine
from leadrank.model.encoder import LeadEncoder
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.model.field_features import FieldFeatures
from leadrank.model.head import HeadSettings, ScoreHead
from leadrank.model.lead_model import LeadModel
from leadrank.model.wide import WideBranch
from leadrank.scoring.calibration import Calibration
from leadrank.text import PromptTemplate, load_template, save_template

WEIGHTS, SETTINGS, CRM = "weights.safetensors", "model.yaml", "crm.yaml"
FEATURES, WIDE, CALIBRATION = "fields.json", "wide.json", "calibration.json"


@dataclass(frozen=True)
class SavedModel:
    """A model with all that it needs to read a table and to give probabilities.

    `wide` is its wide branch, None where it has none.
    `base_rate` is the weighted order rate of the rows that the calibration was fitted on.
    """

    model: LeadModel
    crm: CrmFile
    template: PromptTemplate
    features: FieldFeatures
    calibration: Calibration
    base_rate: float
    wide: WideBranch | None = None


def save_model(folder: Path, saved: SavedModel) -> None:
    """Writes the model folder; `load_model` gives a model with the same scores."""
    folder.mkdir(parents=True, exist_ok=True)
    model = saved.model
    state = {name: tensor.contiguous() for name, tensor in model.learned_state().items()}
    save_file(state, folder / WEIGHTS)
    base, encoder = model.encoder.base, model.encoder.settings
    settings = {
        "base": {"id": base.id, "revision": base.revision, "sha256": base.weight_hash()},
        "compute": str(model.encoder.compute).removeprefix("torch."),
        "encoder": {**asdict(encoder), "lora_targets": list(encoder.lora_targets)},
        "head": asdict(model.head.settings),
        "base_rate": saved.base_rate,
        "wide": saved.wide is not None,
    }
    (folder / SETTINGS).write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")
    dump_crm_file(saved.crm, folder / CRM)
    save_template(saved.template, folder)
    (folder / FEATURES).write_text(json.dumps(saved.features.to_dict(), indent=1), "utf-8")
    if saved.wide is not None:
        (folder / WIDE).write_text(
            json.dumps(saved.wide.to_dict(), ensure_ascii=False), "utf-8"
        )
    saved.calibration.save(folder / CALIBRATION)


def load_model(
    folder: Path,
    *,
    base: str | None = None,
    device: str | None = None,
    engine: str = "dense",
) -> SavedModel:
    """Loads what `save_model` wrote.

    Args:
        folder: a run's `model` folder.
        base: where the base model lies now; None: where the run had it.
        device: where to score; None: a GPU where there is one. Products are in the run's own
            precision, so that scores agree with the run's.
        engine: `dense`, or one for CPUs, whatever the run's own precision: `cpu_engine.LAYERS`.

    Raises:
        UserError: the folder is not a finished model, or the base has other weights than the
            run was trained on; an engine for CPUs is asked of a GPU, or int8 of a CPU that has
            no exact int8 products.
    """
    settings = read_settings(folder)
    encoder_settings = EncoderSettings(
        **{
            **settings["encoder"],
            "lora_targets": tuple(settings["encoder"]["lora_targets"]),
            "base": base or settings["encoder"]["base"],
        }
    )
    crm = load_crm_file(folder / CRM)
    features = FieldFeatures.from_dict(json.loads((folder / FEATURES).read_text("utf-8")))
    dense = engine == "dense"
    device = device or ("cuda" if dense and torch.cuda.is_available() else "cpu")
    revision = settings["base"]["revision"]
    on_hub = base is None and encoder_settings.base != EMBEDDED and revision != LOCAL
    encoder = LeadEncoder(
        encoder_settings,
        device,
        compute=getattr(torch, settings["compute"]) if dense else torch.float32,
        revision=revision if on_hub else None,
    )
    _check_base(encoder, settings["base"], folder)
    head = ScoreHead(
        HeadSettings(**settings["head"]),
        encoder.width,
        features.width,
        features.cross_columns(),
        len(crm.stages),
    )
    model = LeadModel(encoder, head.to(device))
    model.load_learned_state(load_file(folder / WEIGHTS))
    model.eval()
    return SavedModel(
        model if dense else cpu_engine(model, engine),
        crm,
        load_template(folder),
        features,
        Calibration.load(folder / CALIBRATION),
        float(settings["base_rate"]),
        _load_wide(folder / WIDE) if settings.get("wide") else None,
    )


def read_settings(folder: Path) -> dict:
    """The settings of a model folder; raises UserError when it is none."""
    if not (folder / SETTINGS).is_file():
        raise UserError(
            f"{folder}: no model here; expected the folder of a finished run with "
            f"model/{SETTINGS}"
        )
    return yaml.safe_load((folder / SETTINGS).read_text("utf-8"))


def _load_wide(file: Path) -> WideBranch:
    return WideBranch.from_dict(json.loads(file.read_text("utf-8")))


def _check_base(encoder: LeadEncoder, expected: dict, folder: Path) -> None:
    found = encoder.base.weight_hash()
    if found != expected["sha256"]:
        raise UserError(
            f"base model {encoder.base.id!r} in {encoder.base.folder}: other weights than "
            f"{folder} was trained on (SHA-256 {found[:12]}..., expected "
            f"{expected['sha256'][:12]}... of {expected['id']!r}, revision "
            f"{expected['revision']}); give the right folder with --base"
        )
