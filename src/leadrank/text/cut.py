"""What leaves a prompt that is too long: the least useful part first.

Cutting the end blindly (`cut_end`) is there to reproduce others.
"""

import dataclasses

import numpy as np

LEAST_TOKENS = 12  # of a shortened text: a name and some words; the newest may be shorter


@dataclasses.dataclass(frozen=True)
class CutFields:
    """`lengths` [rows fields]: tokens kept of each line, fewer than it has where `dropped`.

    Only `cut_end` drops a part of a line.
    """

    lengths: np.ndarray
    dropped: np.ndarray


@dataclasses.dataclass(frozen=True)
class CutBlocks:
    """`head`, `marker`, `tail` [blocks]: tokens kept of each text block, in that order."""

    head: np.ndarray
    marker: np.ndarray
    tail: np.ndarray
    dropped: np.ndarray
    shortened: np.ndarray


def cut_fields(
    lengths: np.ndarray,
    text_length: np.ndarray,
    *,
    cut_first: np.ndarray,
    budget: int,
    text_share: float,
) -> CutFields:
    """Drop field lines until they leave text its share: `budget - min(text, share budget)`.

    `lengths` [rows fields] and `text_length` [rows] are in tokens. `cut_first` [fields] lists
    the columns of `lengths` in the order in which they go.
    """
    limit = budget - np.minimum(text_length, int(text_share * budget))
    ordered = lengths[:, cut_first]
    left_over = np.cumsum(ordered[:, ::-1], axis=1)[:, ::-1]  # this field and all after it
    kept = np.empty_like(ordered)
    kept[:, cut_first] = np.where(left_over <= limit[:, None], ordered, 0)
    return CutFields(kept, (lengths > 0) & (kept == 0))


def cut_blocks(
    row: np.ndarray, lengths: np.ndarray, limit: np.ndarray, marker: int
) -> CutBlocks:
    """Drop the oldest blocks; the last kept one loses its middle, replaced by the marker.

    `row` [blocks] ascends and each row's blocks are newest first; `lengths` [blocks] in
    tokens; `limit` [rows] is the room for text; `marker` the tokens of " ... ".
    """
    before = np.cumsum(lengths) - lengths
    first = np.searchsorted(row, row)  # the position of the first block of the same row
    room = limit[row] - (before - before[first])
    whole = lengths <= room
    newest = first == np.arange(len(row))
    shortened = ~whole & (room >= np.where(newest, marker + 2, max(marker + 2, LEAST_TOKENS)))
    ends = np.where(shortened, room - marker, 0)
    head = np.where(whole, lengths, (ends + 1) // 2)
    return CutBlocks(
        head, np.where(shortened, marker, 0), ends // 2, ~whole & ~shortened, shortened
    )


def cut_end(
    field_lengths: np.ndarray, row: np.ndarray, lengths: np.ndarray, budget: int
) -> tuple[CutFields, CutBlocks]:
    """Keep the first `budget` tokens of each row's fields and then texts, whatever they hold.

    `field_lengths` [rows fields] and `lengths` [blocks] are in tokens; `row` [blocks] ascends.
    """
    before = np.cumsum(field_lengths, axis=1) - field_lengths
    fields = np.clip(budget - before, 0, field_lengths)
    room = budget - fields.sum(axis=1)
    before = np.cumsum(lengths) - lengths
    first = np.searchsorted(row, row)
    head = np.clip(room[row] - (before - before[first]), 0, lengths)
    none = np.zeros_like(head)
    shortened = (head > 0) & (head < lengths)
    return (
        CutFields(fields, fields < field_lengths),
        CutBlocks(head, none, none, head == 0, shortened),
    )
