"""From strings to token ids: template parts with special tokens, a lead's own text without."""

import dataclasses
import hashlib
import itertools
import json

import numpy as np
import polars as pl
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from leadrank.errors import UserError
from leadrank.text.prompt import PromptTemplate


def plain_tokenizer(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """Return a copy that reads `<|im_end|>` as the text it is, whatever a customer typed.

    `split_special_tokens=True` would still read added tokens that are not marked special
    (`<think>` of Qwen), and is a state of the caller's tokenizer; so the copy has no added
    tokens but those of white space. Raises UserError for a tokenizer without fast backend.
    """
    document = _backend_document(tokenizer)
    blank = [token for token in document["added_tokens"] if token["content"].isspace()]
    document["added_tokens"] = blank
    document["post_processor"] = None
    return Tokenizer.from_str(json.dumps(document))


def tokenizer_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the sha256 of everything that decides which ids a string becomes."""
    known = [_backend_document(tokenizer), start_ids(tokenizer)]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def _backend_document(tokenizer: PreTrainedTokenizerBase) -> dict:
    """Return the tokenizer.json, without truncation and padding: states of the last call."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise UserError(
            f"tokenizer {tokenizer.name_or_path}: {type(tokenizer).__name__} has no fast "
            "backend; use a base model that comes with a tokenizer.json"
        )
    return json.loads(backend.to_str()) | {"truncation": None, "padding": None}


def start_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the beginning-of-text id if the tokenizer has one and adds it, else nothing."""
    bos = tokenizer.bos_token_id
    bare = part_ids(tokenizer, "a")
    ids = tokenizer("a", add_special_tokens=True, split_special_tokens=False).input_ids
    return [bos] if bos is not None and ids[:1] == [bos] and bare[:1] != [bos] else []


def part_ids(tokenizer: PreTrainedTokenizerBase, part: str) -> list[int]:
    """Return the ids of a part of the template, in which special tokens are meant."""
    return tokenizer(part, add_special_tokens=False, split_special_tokens=False).input_ids


def pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the id of the padding token, or of the end-of-text one where there is none.

    Raises UserError for a tokenizer with neither.
    """
    ids = (tokenizer.pad_token_id, tokenizer.eos_token_id)
    found = next((one for one in ids if one is not None), None)
    if found is None:
        raise UserError(
            "prompt: append_pad needs a tokenizer with a padding or an end-of-text token; this "
            "base has neither; take append_pad: false"
        )
    return found


@dataclasses.dataclass(frozen=True)
class Frame:
    """What every prompt shares, in tokens, and the `budget` that it leaves for the lead."""

    plain: Tokenizer
    prefix: list[int]
    suffix: list[int]
    marker: list[int]
    nothing: list[int]
    budget: int


def prompt_frame(template: PromptTemplate, tokenizer: PreTrainedTokenizerBase) -> Frame:
    """Tokenise the template; raises UserError if it leaves no token for the lead."""
    prefix, suffix = (part_ids(tokenizer, p) for p in (template.prefix, template.suffix))
    if template.append_pad:
        suffix = [*suffix, pad_id(tokenizer)]
    start = start_ids(tokenizer)
    if prefix[:1] != start:  # a chat prefix may bring its own
        prefix = start + prefix
    budget = template.max_tokens - len(prefix) - len(suffix)
    if budget < 1:
        raise UserError(
            f"prompt: prefix and suffix take {len(prefix) + len(suffix)} tokens of max_tokens="
            f"{template.max_tokens} and leave none for the lead; shorten them or raise "
            "max_tokens"
        )
    plain = plain_tokenizer(tokenizer)
    marker, nothing = (
        plain.encode(text, add_special_tokens=False).ids
        for text in (" ... ", "no information\n")
    )
    return Frame(plain, prefix, suffix, marker, nothing[:budget], budget)


def encode_distinct(
    tokenizer: Tokenizer, strings: pl.Series
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokenise each distinct string once; return `ids` and each string's `start`, `length`.

    `ids` [tokens] int32 holds the distinct strings one after another; `start` and `length`
    [strings] int64 point into it. A null has length 0.
    """
    frame = strings.rename("string").to_frame()
    distinct = frame.drop_nulls().unique(maintain_order=True).with_row_index("code")
    code = frame.join(distinct, on="string", how="left", maintain_order="left")["code"]
    encodings = tokenizer.encode_batch_fast(
        distinct["string"].to_list(), add_special_tokens=False
    )
    lengths = np.fromiter(map(len, encodings), np.int64, len(encodings))
    each = (encoding.ids for encoding in encodings)
    ids = np.fromiter(itertools.chain.from_iterable(each), np.int32, int(lengths.sum()))
    position = code.fill_null(len(lengths)).to_numpy()
    lengths = np.append(lengths, 0)
    return ids, (np.cumsum(lengths) - lengths)[position], lengths[position]
