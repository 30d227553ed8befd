"""A sample of a world's texts for reading, and how often a sentence comes twice."""

import re

import polars as pl

SENTENCE = re.compile(r"(?<=[.?!])\s+")
SPEAKER = re.compile(r"^(?:Rep|Customer): ")


def sampled_page(calls: pl.DataFrame, count: int, *, seed: int, command: str) -> str:
    """A page of `count` texts drawn from a world's `calls`, as Markdown.

    The share of distinct sentences is that of the sample, names and numbers as they stand.
    """
    said = calls.filter(pl.col("text") != "").sample(count, seed=seed, shuffle=True)
    sentences = [each for text in said["text"] for each in _sentences(text)]
    share = len(set(sentences)) / len(sentences)
    transcripts = calls.filter(pl.col("author") == "call", pl.col("text").str.len_chars() > 80)
    distinct = transcripts["text"].n_unique()
    head = [
        f"# {count} texts of a simulated dealership", "", "```", command, "```", "",
        f"{count} of {calls.height:,} texts, drawn by chance. Of their {len(sentences):,} "
        f"sentences {share:.0%} are distinct; of the {transcripts.height:,} transcripts longer "
        f"than 80 characters {distinct:,} are.",
        "",
    ]  # fmt: skip
    quoted = (_quoted(k, row) for k, row in enumerate(said.rows(named=True), 1))
    return "\n".join([*head, *quoted])


def _sentences(text: str) -> list[str]:
    turns = re.split(r"\s(?=(?:Rep|Customer): )", text)
    bare = [SPEAKER.sub("", turn) for turn in turns]
    return [each for turn in bare for each in SENTENCE.split(turn) if each]


def _quoted(number: int, row: dict) -> str:
    turns = re.sub(r"\s(?=(?:Rep|Customer): )", "  \n> ", row["text"])
    return f"{number}. {row['author']}, {row['at']:%d %B}\n\n> {turns}\n"
