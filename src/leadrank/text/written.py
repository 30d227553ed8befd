"""Prompts as strings, before anything is tokenised or cut: what a lead's row says in words."""

from typing import TYPE_CHECKING

import polars as pl

from leadrank.text.prompt import PromptTemplate
from leadrank.text.render import render_fields, render_texts

if TYPE_CHECKING:
    from leadrank.funnel.crm_keys import Column


def written_prompts(
    rows: pl.DataFrame, specs: "list[Column]", template: PromptTemplate
) -> pl.Series:
    """Return each row's prompt in whole: prefix, field lines, texts newest first, suffix.

    `rows` are of a lead table, `specs` its CRM fields to write out, in reading order. Only
    texts far beyond any prompt are shortened, as they are before tokenising.
    """
    lines = [line.fill_null("") for line in render_fields(rows, specs).lines]
    blocks = render_texts(rows, template.max_tokens).frame
    texts = blocks.group_by("row", maintain_order=True).agg(pl.col("block").str.join(""))
    places = pl.DataFrame({"row": pl.int_range(rows.height, dtype=pl.UInt32, eager=True)})
    text = places.join(texts, on="row", how="left", maintain_order="left")["block"]
    columns = {f"line {place}": line for place, line in enumerate(lines)}
    frame = pl.DataFrame({**columns, "text": text.fill_null("")})
    whole = pl.concat_str(pl.lit(template.prefix), pl.all(), pl.lit(template.suffix))
    return frame.select(prompt=whole).to_series()
