"""From rows to the strings of a prompt: field lines and text blocks, by whole columns."""

import dataclasses
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from leadrank.funnel.crm_keys import Column

VALUE_CHARACTERS = (
    100  # a longer categorical value is not a "short line" and would push out others
)
CHARACTERS_PER_TOKEN = 16  # generous: English has 4; a block this long has no useless room left


@dataclasses.dataclass(frozen=True)
class FieldLines:
    """One line a field and row, `name: value unit`; null where the value is missing."""

    lines: list[pl.Series]
    shortened: int
    missing: int


@dataclasses.dataclass(frozen=True)
class TextBlocks:
    """Text blocks, rows in order and newest first: `row`, `block`, `shortened` (already cut).

    `dropped` [rows] counts the blocks left out because newer ones already fill any prompt;
    `characters` is what was left out before tokenising, so that a 1 MB text costs nothing.
    """

    frame: pl.DataFrame
    dropped: pl.Series
    characters: int


def render_fields(rows: pl.DataFrame, specs: "list[Column]") -> FieldLines:
    """Write each field out as `human name: value unit`, numbers with 4 significant digits."""
    columns = rows.select(_value(rows.schema[s.column], s.column) for s in specs).get_columns()
    shortened = sum(int((v.str.len_chars() > VALUE_CHARACTERS).sum()) for v in columns)
    missing = sum(value.null_count() for value in columns)
    lines = [_line(value, spec) for value, spec in zip(columns, specs, strict=True)]
    return FieldLines(lines, shortened, missing)


def _value(dtype: pl.DataType, column: str) -> pl.Expr:
    if not dtype.is_numeric():
        stripped = pl.col(column).cast(pl.String).str.strip_chars()
        return pl.when(stripped != "").then(stripped).alias(column)
    number = pl.col(column).cast(pl.Float64)
    text = number.round_sig_figs(4).cast(pl.String).str.strip_suffix(".0")
    return pl.when(number.is_finite()).then(text).alias(column)


def _line(value: pl.Series, spec: "Column") -> pl.Series:
    short = value.str.head(VALUE_CHARACTERS - 3) + "..."
    value = short.zip_with(value.str.len_chars().fill_null(0) > VALUE_CHARACTERS, value)
    unit = f" {spec.unit}" if spec.unit else ""
    return f"{spec.name}: " + value + f"{unit}\n"


def render_texts(rows: pl.DataFrame, max_tokens: int) -> TextBlocks:
    """Write each text out as `name: text`, with its age where it and the snapshot have times.

    A text keeps `8 max_tokens` characters of each end, and blocks behind `16 max_tokens`
    characters of newer ones are dropped, before anything is tokenised.
    """
    side = CHARACTERS_PER_TOKEN * max_tokens // 2
    blocks = _explode(rows)
    length = pl.col("text").str.len_chars()
    newer = length.cum_sum().over("row") - length
    blocks = blocks.with_columns(length=length, keep=newer < 2 * side)
    dropped = blocks.group_by("row").agg((~pl.col("keep")).sum())
    dropped = pl.DataFrame({"row": range(rows.height)}).join(dropped, on="row", how="left")
    kept = blocks.filter("keep").with_columns(shortened=pl.col("length") > 2 * side + 5)
    ends = pl.col("text").str.head(side) + " ... " + pl.col("text").str.tail(side)
    text = pl.when("shortened").then(ends).otherwise("text")
    frame = kept.select("row", "shortened", block=pl.col("head") + text + "\n")
    left = kept.select(text.str.len_chars().sum()).item()
    return TextBlocks(frame, dropped["keep"].fill_null(0), blocks["length"].sum() - left)


def _explode(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row a text: `row`, `head` (`name 3 days ago: `) and the stripped `text`."""
    one = rows.select("snapshot", "text").with_row_index("row").explode("text").unnest("text")
    one = one.with_columns(pl.col("text").str.strip_chars()).filter(pl.col("text") != "")
    name = pl.col("name").fill_null("note")
    if not isinstance(rows.schema["snapshot"], pl.Datetime):
        return one.select("row", "text", head=name + ": ")
    days = (pl.col("snapshot") - pl.col("at")).dt.total_days()
    age = pl.format(
        " {} {} ago", days, pl.when(days == 1).then(pl.lit("day")).otherwise(pl.lit("days"))
    )
    return one.select("row", "text", head=name + age.fill_null("") + ": ")
