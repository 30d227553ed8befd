"""The tokens of a lead table: made once, kept on disk under what they were made from."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from leadrank.errors import UserError
from leadrank.text.assemble import assemble
from leadrank.text.encode import Frame, pad_id, prompt_frame, tokenizer_hash
from leadrank.text.prompt import PromptTemplate, field_specs, fit_template
from leadrank.text.store import Cuts, TokenStore, open_store, write_store

if TYPE_CHECKING:
    from leadrank.funnel import LeadTable

FORMAT = 1  # raised when the same table, template and tokenizer give other ids
SLICE_ROWS = 2_048  # bounds the memory beside the result, and moves the progress bar


def tokenise(
    table: "LeadTable",
    template: PromptTemplate,
    tokenizer: PreTrainedTokenizerBase,
    cache: Path | None = None,
) -> TokenStore:
    """Return the token ids of each row's prompt; row i of the store is row i of `table.rows`.

    With `cache` the store is read from `cache/fingerprint` or written there in one step, and
    its ids stay on disk. The template is fitted (`fit_template`) if it is not yet. Raises
    UserError if the template leaves no room, or its fields are not the table's.
    """
    template = fit_template(template, table)
    _check_fields(template, table)
    fingerprint = _fingerprint(table, template, tokenizer)
    if cache is not None and (cache / fingerprint).is_dir():
        return open_store(cache / fingerprint)
    store = _tokenise(table, template, prompt_frame(template, tokenizer), fingerprint)
    return store if cache is None else open_store(write_store(store, cache))


def _check_fields(template: PromptTemplate, table: "LeadTable") -> None:
    wanted, known = set(template.cut_first or ()), {spec.column for spec in field_specs(table)}
    if template.fields == "all" and wanted != known:
        raise UserError(
            f"prompt: the template was made for the fields {sorted(wanted)}, the CRM file has "
            f"{sorted(known)}; use the CRM file that the run was trained with"
        )


def _tokenise(
    table: "LeadTable", template: PromptTemplate, frame: Frame, fingerprint: str
) -> TokenStore:
    specs = [] if template.fields == "none" else field_specs(table)
    ids, lengths, cuts = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)], Cuts()
    bar = tqdm(total=table.rows.height, desc="tokenising", unit="row", delay=2, ncols=80)
    with bar:
        for rows in table.rows.iter_slices(SLICE_ROWS):
            slice_ids, slice_lengths, slice_cuts = assemble(rows, specs, template, frame)
            ids.append(slice_ids)
            lengths.append(slice_lengths)
            cuts += slice_cuts
            bar.update(rows.height)
    offsets = np.cumsum(np.concatenate(lengths))
    return TokenStore(np.concatenate(ids), offsets, template, cuts, fingerprint)


def _fingerprint(
    table: "LeadTable", template: PromptTemplate, tokenizer: PreTrainedTokenizerBase
) -> str:
    """The rows count too: a part of a table may still carry the whole table's fingerprint."""
    rows = hashlib.sha256(table.rows["row_id"].to_numpy().tobytes()).hexdigest()
    names = [[s.column, s.name, s.unit] for s in field_specs(table)]
    made_from = [
        FORMAT,
        table.fingerprint,
        rows,
        names,
        _settings(template, tokenizer),
        tokenizer_hash(tokenizer),
    ]
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()


def _settings(
    template: PromptTemplate, tokenizer: PreTrainedTokenizerBase
) -> dict[str, object]:
    """Settings younger than the caches count where they are used: the others' ids stay good."""
    settings = dataclasses.asdict(template)
    if settings["cut"] == "oldest":
        del settings["cut"]
    if settings.pop("append_pad"):
        settings["append_pad"] = pad_id(tokenizer)
    return settings
