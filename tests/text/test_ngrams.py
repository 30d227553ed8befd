"""Sparse n-grams: counted as written out by hand, and the same after JSON."""

import json

import numpy as np
import polars as pl
import pytest

from leadrank.text.ngrams import NGrams


def rows(*notes, leads=None):
    """One row per argument, each of its own lead; a tuple is several notes, newest first."""
    texts = [[n] if isinstance(n, str) else list(n) for n in notes]
    found = [[{"at": None, "name": "note", "text": text} for text in row] for row in texts]
    note = pl.Struct({"at": pl.Datetime("us", "UTC"), "name": pl.String, "text": pl.String})
    leads = leads or [f"lead {number}" for number in range(len(found))]
    table = {"lead_id": leads, "text": found}
    return pl.DataFrame(table, schema={"lead_id": pl.String, "text": pl.List(note)})


def test_words_and_pairs_of_three_leads_or_more_count():
    table = rows("Test drive booked", "test drive done", "a test drive", "price", "price?")
    assert NGrams.fit(table).vocabulary == ("drive", "test", "test drive")


def test_what_one_lead_repeats_is_counted_once():
    """`miller` is in 4 rows of 2 leads; `loan` in 3 leads of 4: idf = log(5 / 4) + 1."""
    notes = ("miller loan", "miller", "miller", "miller loan", "loan", "bike")
    known = NGrams.fit(rows(*notes, leads=["a", "a", "a", "b", "c", "d"]))
    assert known.vocabulary == ("loan",)
    assert known.idf == (pytest.approx(np.log(5 / 4) + 1),)


def test_the_weights_by_hand():
    """`price` is in 3 of 4 rows: idf = log(5 / 4) + 1; alone in a row its length is 1.

    `price price now now now`, both known: tf 1 + log 2 and 1 + log 3, `now` like `price`.
    """
    known = NGrams.fit(rows("price now", "price of now", "price so now", "other"))
    assert known.idf[known.vocabulary.index("price")] == pytest.approx(np.log(5 / 4) + 1)
    found = known.encode(rows("price", "price price of now now now", "unheard of"))
    price, now = (known.vocabulary.index(word) for word in ("price", "now"))
    assert found[0, price] == pytest.approx(1.0)
    length = np.hypot(1 + np.log(2), 1 + np.log(3))
    assert found[1, price] == pytest.approx((1 + np.log(2)) / length)
    assert found[1, now] == pytest.approx((1 + np.log(3)) / length)
    assert found[2].nnz == 0


def test_chinese_is_counted_by_characters_and_their_pairs():
    table = rows("客户要试驾", "试驾已约", "他问试驾")
    assert set(NGrams.fit(table).vocabulary) == {"试", "驾", "试 驾"}


def test_all_notes_of_a_row_count_and_a_row_without_notes_is_empty():
    known = NGrams.fit(rows("loan", "loan", "loan"))
    found = known.encode(rows(("no", "loan"), ()))
    assert found.toarray().tolist() == [[1.0], [0.0]]


def test_json_brings_the_same_features_back():
    table = rows("big red car", "big red bike", "big red bus", "blue car")
    known = NGrams.fit(table)
    again = NGrams.from_dict(json.loads(json.dumps(known.to_dict())))
    assert (known.encode(table) != again.encode(table)).nnz == 0


@pytest.mark.parametrize("texts", [("one", "two", "three"), ("", "", "")])
def test_where_nothing_repeats_there_is_nothing(texts):
    known = NGrams.fit(rows(*texts))
    assert known == NGrams()
    assert known.encode(rows(*texts)).shape == (3, 0)
