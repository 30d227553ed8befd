"""Text that speaks of the future: phrases that only leads with the outcome have."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from scipy.stats import binom
from sklearn.feature_extraction.text import CountVectorizer

from leadrank.funnel.leaks_found import Leak
from leadrank.funnel.leaks_rows import SeenRows

#: A word of two letters or digits or more; a Chinese or Japanese character is one by itself.
CJK = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
WORD = rf"(?u)[{CJK}]|[^\W{CJK}]{{2,}}"
LONGEST = 3
LEAST_LEADS = 5
PURE = 0.99
ALPHA = 1e-3
MOST_LEADS = 10_000
MOST_PHRASES = 2**17
#: What leads that had the outcome and no such phrase would make of it, at most.
LEAST_SHARE = 0.05
SHOWN = 4


def foretelling_phrases(seen: SeenRows) -> Iterator[Leak]:
    """Words, pairs and triples that occur (nearly) only with leads that had an outcome.

    All texts of a lead are one document. Of L leads with a phrase, H had the outcome: it counts
    where `H / L >= 0.99` and `P(Binomial(L, base rate) >= H)` is below 0.001 over all phrases
    and outcomes. Alarm where at least 5 % of the leads with the outcome have such a phrase:
    a keen customer's rare words are no alarm.
    """
    documents = _documents(seen)
    if documents.is_empty():
        return
    vectorizer = CountVectorizer(
        token_pattern=WORD,
        ngram_range=(1, LONGEST),
        min_df=LEAST_LEADS,
        binary=True,
        max_features=MOST_PHRASES,
    )
    try:
        found = vectorizer.fit_transform(documents["text"].to_list())
    except ValueError:  # scikit-learn's way to say that nothing is left
        return
    phrases = vectorizer.get_feature_names_out()
    leads = np.asarray(found.sum(0)).ravel()
    tests = len(phrases) * len(seen.outcomes)
    for name, (happened, _) in seen.outcomes.items():
        had = seen.by_lead(happened)[documents["lead"].to_numpy()]
        hits = np.asarray(found[had].sum(0)).ravel()
        chance = binom.sf(hits - 1, leads, had.mean()) * tests
        kept = np.flatnonzero((hits >= PURE * leads) & (chance < ALPHA))
        share = float((found[had][:, kept].sum(1) > 0).mean()) if had.any() else 0.0
        if len(kept) and share >= LEAST_SHARE:
            yield _leak(seen, name, phrases, kept, leads, hits, float(had.mean()), share)
            return  # the deepest stage; the others follow from it


def _documents(seen: SeenRows) -> pl.DataFrame:
    """Columns `lead` and `text`: all texts of a lead, each once, newest row first."""
    rows = seen.rows.select(pl.Series("lead", seen.lead), "text").explode("text")
    text = pl.col("text").struct.field("text")
    notes = rows.select("lead", text.alias("text")).drop_nulls().unique(maintain_order=True)
    joined = notes.group_by("lead", maintain_order=True).agg(pl.col("text").str.join("\n"))
    if joined.height <= MOST_LEADS:
        return joined
    return joined.sample(MOST_LEADS, seed=0)


def _leak(
    seen: SeenRows,
    outcome: str,
    phrases: np.ndarray,
    kept: np.ndarray,
    leads: np.ndarray,
    hits: np.ndarray,
    base: float,
    share: float,
) -> Leak:
    text = seen.crm.text
    sources = [c.column for c in text.columns] + ([text.events.table] if text.events else [])
    best = kept[np.argsort(-hits[kept], kind="stable")][:SHOWN]
    examples = "; ".join(f"{phrases[i]!r}: {hits[i]:,} of {leads[i]:,} leads" for i in best)
    return Leak(
        "text",
        ", ".join(sources),
        True,
        f"{len(kept):,} phrases stand (nearly) only with leads that later {outcome}, as "
        f"{base:.1%} of all did, and {share:.0%} of those have one ({examples}): it was "
        "written afterwards.",
    )
