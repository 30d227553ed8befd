"""One slice of a table: render, tokenise, cut, and join the pieces of each row's prompt."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from leadrank.text.cut import CutBlocks, CutFields, cut_blocks, cut_end, cut_fields
from leadrank.text.encode import Frame, encode_distinct
from leadrank.text.prompt import PromptTemplate
from leadrank.text.render import FieldLines, TextBlocks, render_fields, render_texts
from leadrank.text.store import Cuts

if TYPE_CHECKING:
    from leadrank.funnel.crm_keys import Column

Pieces = tuple[np.ndarray, np.ndarray, np.ndarray]  # row, start in the pool, length


@dataclasses.dataclass(frozen=True)
class _Measured:
    """Where each part's tokens start in `pool` and how many they are, before any cut.

    Fields are [rows fields]; blocks are [blocks], with the `row` that each belongs to.
    """

    pool: np.ndarray
    field_start: np.ndarray
    field_length: np.ndarray
    row: np.ndarray
    block_start: np.ndarray
    block_length: np.ndarray

    @property
    def text_length(self) -> np.ndarray:
        return _sum_by_row(self.row, self.block_length, len(self.field_length))


def assemble(
    rows: pl.DataFrame, specs: "list[Column]", template: PromptTemplate, frame: Frame
) -> tuple[np.ndarray, np.ndarray, Cuts]:
    """Return the prompts of `rows`: `ids` [tokens] int32, `lengths` [rows] int64, the cuts.

    `specs` are the CRM fields to write out, in reading order.
    """
    lines, texts = render_fields(rows, specs), render_texts(rows, template.max_tokens)
    measured = _measure(lines, texts, frame, rows.height)
    fields, blocks = _cut(measured, [spec.column for spec in specs], template, frame)
    cuts = _count(measured, lines, texts, fields, blocks)
    return *_join(measured, frame, fields, blocks), cuts


def _cut(
    measured: _Measured, columns: list[str], template: PromptTemplate, frame: Frame
) -> tuple[CutFields, CutBlocks]:
    """What stays of the fields, whose columns these are, and of the texts."""
    row, lengths = measured.row, measured.block_length
    if template.cut == "end":
        return cut_end(measured.field_length, row, lengths, frame.budget)
    cut_first = [columns.index(column) for column in template.cut_first or ()]
    fields = cut_fields(
        measured.field_length,
        measured.text_length,
        cut_first=np.array(cut_first, np.int64),
        budget=frame.budget,
        text_share=template.text_share,
    )
    room = frame.budget - fields.lengths.sum(axis=1)
    return fields, cut_blocks(row, lengths, room, len(frame.marker))


def _measure(lines: FieldLines, texts: TextBlocks, frame: Frame, n: int) -> _Measured:
    strings = pl.concat([*lines.lines, texts.frame["block"]])
    pool, start, length = encode_distinct(frame.plain, strings)
    fields = n * len(lines.lines)
    return _Measured(
        pool,
        start[:fields].reshape(-1, n).T,
        length[:fields].reshape(-1, n).T,
        texts.frame["row"].to_numpy(),
        start[fields:],
        length[fields:],
    )


def _join(
    measured: _Measured, frame: Frame, fields: CutFields, blocks: CutBlocks
) -> tuple[np.ndarray, np.ndarray]:
    """Lay the kept pieces of each row side by side: `ids` [tokens], `lengths` [rows]."""
    shared = (frame.prefix, frame.marker, frame.nothing, frame.suffix)
    pool = np.concatenate([measured.pool, *(np.array(ids, np.int32) for ids in shared)])
    sizes = np.array([len(measured.pool), *map(len, shared)])
    prefix, marker, nothing, suffix = np.cumsum(sizes)[:-1]
    n, f = fields.lengths.shape
    every = np.arange(n)
    kept = blocks.head + blocks.marker + blocks.tail
    empty = fields.lengths.sum(axis=1) + _sum_by_row(measured.row, kept, n) == 0
    tail = measured.block_start + measured.block_length - blocks.tail
    starts = np.stack([measured.block_start, np.full_like(tail, marker), tail], axis=1)
    lengths = np.stack([blocks.head, blocks.marker, blocks.tail], axis=1)
    return _gather(
        pool,
        [
            (every, np.full(n, prefix), np.full(n, len(frame.prefix))),
            (np.repeat(every, f), measured.field_start.ravel(), fields.lengths.ravel()),
            (np.repeat(measured.row, 3), starts.ravel(), lengths.ravel()),
            (every, np.full(n, nothing), np.where(empty, len(frame.nothing), 0)),
            (every, np.full(n, suffix), np.full(n, len(frame.suffix))),
        ],
        n,
    )


def _gather(pool: np.ndarray, pieces: list[Pieces], n: int) -> tuple[np.ndarray, np.ndarray]:
    row, start, length = (np.concatenate(column) for column in zip(*pieces, strict=True))
    order = np.argsort(row, kind="stable")  # keeps the reading order within a row
    start, sorted_length = start[order], length[order]
    before = np.cumsum(sorted_length) - sorted_length
    position = np.arange(length.sum()) + np.repeat(start - before, sorted_length)
    return pool[position], _sum_by_row(row, length, n)


def _count(
    measured: _Measured,
    lines: FieldLines,
    texts: TextBlocks,
    fields: CutFields,
    blocks: CutBlocks,
) -> Cuts:
    n = len(fields.lengths)
    before_tokens = texts.dropped.to_numpy()
    shortened = (blocks.shortened | texts.frame["shortened"].to_numpy()) & ~blocks.dropped
    cut_blocks_of = _sum_by_row(measured.row, shortened | blocks.dropped, n) + before_tokens
    tokens = measured.field_length.sum() + measured.block_length.sum()
    kept = fields.lengths.sum() + (blocks.head + blocks.tail).sum()
    return Cuts(
        rows=n,
        rows_cut=int(((cut_blocks_of > 0) | fields.dropped.any(axis=1)).sum()),
        blocks_dropped=int(blocks.dropped.sum() + before_tokens.sum()),
        blocks_shortened=int(shortened.sum()),
        fields_dropped=int(fields.dropped.sum()),
        values_shortened=lines.shortened,
        tokens=int(tokens - kept),
        characters=texts.characters,
        missing_values=lines.missing,
    )


def _sum_by_row(row: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(row, weights=values, minlength=n).astype(np.int64)
