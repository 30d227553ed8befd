"""A tokenizer of one token a byte, so that tests count in characters, and small lead tables."""

import datetime
from types import SimpleNamespace

import polars as pl
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from leadrank.funnel.crm_keys import Column, Fields, Text, TextColumn
from leadrank.text import PromptTemplate, TokenStore, tokenise

NOON = datetime.datetime(2024, 6, 10, 12, tzinfo=datetime.UTC)
TIME = pl.Datetime("us", "UTC")
TEXT = pl.List(pl.Struct({"at": TIME, "name": pl.String, "text": pl.String}))


def byte_tokenizer(adds_bos: bool = False) -> PreTrainedTokenizerFast:
    """One token a byte; besides `<|im_end|>`, special, and `<think>`, added but not special."""
    vocabulary = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    backend.add_tokens(["<think>"])
    if adds_bos:
        backend.post_processor = processors.TemplateProcessing(
            single="<|im_start|> $A", special_tokens=[("<|im_start|>", len(vocabulary))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<|im_start|>", eos_token="<|im_end|>"
    )


def note(text: str, name: str = "note", days: float | None = None) -> dict:
    """A text written `days` before the snapshot, or at a time nobody knows."""
    at = None if days is None else NOON - datetime.timedelta(days=days)
    return {"at": at, "name": name, "text": text}


def lead_table(
    texts: list | None = None,
    numeric: dict[str, list] | None = None,
    categorical: dict[str, list] | None = None,
    snapshot: object = NOON,
    part: list | None = None,
) -> SimpleNamespace:
    """What the text floor reads of a lead table; fields map `column:unit` to values."""
    columns = {**(numeric or {}), **(categorical or {})}
    n = len(texts) if texts is not None else len(next(iter(columns.values())))
    rows = pl.DataFrame(
        {"row_id": range(n), "snapshot": [snapshot] * n, "part": part or ["train"] * n}
        | {key.split(":")[0]: values for key, values in columns.items()},
        schema_overrides={"row_id": pl.Int64, "part": pl.String},
    )
    rows = rows.with_columns(pl.Series("text", texts or [[]] * n, dtype=TEXT))
    fields = Fields(numeric=_specs(numeric), categorical=_specs(categorical))
    column = TextColumn(column="note", name="note")
    text = Text(columns=(column,) if texts else ())
    crm = SimpleNamespace(fields=fields, text=text, has_text=bool(texts))
    return SimpleNamespace(crm=crm, rows=rows, fingerprint="table")


def _specs(group: dict[str, list] | None) -> tuple[Column, ...]:
    pairs = [(*key.split(":"), None)[:2] for key in group or {}]
    return tuple(Column(column=name, name=name.replace("_", " "), unit=u) for name, u in pairs)


def tokens_of(table: SimpleNamespace, **template: object) -> TokenStore:
    """The store of the table under the byte tokenizer, no cache."""
    return tokenise(table, PromptTemplate(**template), byte_tokenizer(), None)


def prompts_of(table: SimpleNamespace, **template: object) -> list[str]:
    """The table's prompts as text."""
    store = tokens_of(table, **template)
    return [byte_tokenizer().decode(store[i]) for i in range(len(store))]
