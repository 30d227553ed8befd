"""One token a byte: budgets are characters, and the arithmetic stands beside each case."""

import time

import numpy as np
import pytest
from byte_leads import lead_table, note, prompts_of, tokens_of
from hypothesis import given, settings
from hypothesis import strategies as st

from leadrank.errors import UserError
from leadrank.text.cut import cut_blocks, cut_end, cut_fields
from leadrank.text.store import Cuts


def test_the_oldest_text_goes_first():
    table = lead_table([[note("new"), note("old"), note("older")]])
    # "note: new\n" and "note: old\n" are 10 each; of the 2 left no text can be made.
    assert prompts_of(table, max_tokens=22) == ["note: new\nnote: old\n"]
    cuts = tokens_of(table, max_tokens=22).cuts
    assert (cuts.rows_cut, cuts.blocks_dropped, cuts.blocks_shortened) == (1, 1, 0)
    assert cuts.tokens == len("note: older\n")


def test_the_last_kept_text_loses_its_middle():
    table = lead_table([[note("abcdefghijklmnopqrstuvwxyz")]])
    # 20 tokens: 5 of " ... ", of the other 15 the first 8 and the last 7.
    assert prompts_of(table, max_tokens=20) == ["note: ab ... uvwxyz\n"]
    cuts = tokens_of(table, max_tokens=20).cuts
    assert (cuts.blocks_dropped, cuts.blocks_shortened, cuts.tokens) == (0, 1, 33 - 15)


def test_an_older_text_is_not_kept_where_a_newer_one_was_cut():
    table = lead_table([[note("n" * 60), note("o")]])
    assert "o\n" not in prompts_of(table, max_tokens=30)[0].removesuffix("n\n")
    assert tokens_of(table, max_tokens=30).cuts.blocks_dropped == 1


def test_fields_keep_their_place_while_text_gives_way():
    table = lead_table([[note("t" * 100)]], numeric={"a": [1.0], "b": [2.0]})
    # Fields "a: 1\nb: 2\n" take 10 of 40; text may lose down to 20 and so gets 30.
    prompt = prompts_of(table, max_tokens=40, fields="all")[0]
    assert prompt.startswith("a: 1\nb: 2\n")
    assert len(prompt) == 40


def test_text_keeps_its_share_and_the_sparsest_field_goes():
    numeric = {"a": [1.0, 1.0], "b": [2.0, None], "c": [3.0, 3.0]}
    table = lead_table([[note("t" * 100)], []], numeric=numeric)
    # 15 of fields, text keeps 12 of 24: b (missing once) goes, so 14 are left for text.
    prompt = prompts_of(table, max_tokens=24, fields="all", text_share=0.5)[0]
    assert prompt == "a: 1\nc: 3\n" + "note:" + " ... " + "ttt\n"
    assert tokens_of(table, max_tokens=24, fields="all").cuts.fields_dropped == 1


def test_text_shorter_than_its_share_leaves_the_rest_to_fields():
    table = lead_table([[note("hi")]], numeric={"a": [1.0], "b": [2.0], "c": [3.0]})
    # 9 of text and 15 of fields fill 24 exactly; half of 24 would have cut a field.
    cuts = tokens_of(table, max_tokens=24, fields="all", text_share=0.5).cuts
    assert cuts.rows_cut == 0


def test_prefix_and_suffix_are_never_cut():
    table = lead_table([[note("t" * 100)]])
    prompt = prompts_of(table, prefix="<<<<", suffix=">>>>", max_tokens=30)[0]
    assert prompt.startswith("<<<<note: ttt")
    assert prompt.endswith("t\n>>>>")
    assert len(prompt) == 30


def test_a_template_that_leaves_no_room_is_an_error():
    with pytest.raises(UserError, match="take 8 tokens of max_tokens=8"):
        tokens_of(lead_table([[]]), prefix="<<<<", suffix=">>>>", max_tokens=8)


def test_a_long_value_is_shortened_and_does_not_push_out_other_fields():
    table = lead_table(categorical={"url": ["u" * 5000], "origin": ["web"]})
    store = tokens_of(table)
    # "url: " + 97 + "..." + "\n" are 106 tokens, "origin: web\n" 12.
    assert store.lengths.tolist() == [106 + 12]
    assert store.cuts.values_shortened == 1


def test_a_text_of_a_megabyte_keeps_both_ends_and_takes_no_time():
    table = lead_table([[note("begin " + "x" * 1_000_000 + " end"), note("old")]])
    started = time.perf_counter()
    prompt = prompts_of(table, max_tokens=64)[0]
    assert time.perf_counter() - started < 2
    assert prompt.startswith("note: begin xxx")
    assert prompt.endswith("xxx end\n")
    cuts = tokens_of(table, max_tokens=64).cuts
    # Each end keeps 8 * 64 characters; the older text stands behind enough newer ones.
    assert cuts.characters == 1_000_010 - 2 * 512 - len(" ... ") + len("old")
    assert (cuts.blocks_dropped, cuts.blocks_shortened, cuts.rows_cut) == (1, 1, 1)


def test_the_end_may_be_cut_blindly_as_the_released_code_does():
    numeric = {"a": [1.0], "b": [2.0]}
    table = lead_table([[note("newest"), note("old")]], numeric=numeric)
    # 10 of fields, then the first 8 of "note: newest\n", in the middle of a word.
    keys = {"fields": "all", "suffix": "?", "cut": "end"}
    assert prompts_of(table, max_tokens=19, **keys) == ["a: 1\nb: 2\nnote: ne?"]
    cuts = tokens_of(table, max_tokens=19, **keys).cuts
    assert (cuts.blocks_shortened, cuts.blocks_dropped, cuts.fields_dropped) == (1, 1, 0)
    assert cuts.tokens == len("west\n") + len("note: old\n")
    # With room for 7, the text is gone and half a field, however much text matters.
    assert prompts_of(table, max_tokens=8, **keys) == ["a: 1\nb:?"]
    assert tokens_of(table, max_tokens=8, **keys).cuts.fields_dropped == 1
    # The default keeps the text's share of 18, 9 tokens, and lets field b go.
    assert prompts_of(table, max_tokens=19, **{**keys, "cut": "oldest"}) == [
        "a: 1\nnote: newest\n?"
    ]


def test_cuts_count_each_row_once():
    long = note("t" * 300)
    cuts = tokens_of(lead_table([[long, long], [note("hi")], [long]])).cuts
    assert (cuts.rows, cuts.rows_cut) == (3, 2)


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), max_size=12),
    limit=st.lists(st.integers(0, 60), min_size=4, max_size=4),
)
def test_blocks_agree_with_a_row_by_row_reference(lengths, limit):
    lengths = sorted(lengths, key=lambda pair: pair[0])
    row, length = (np.array([pair[k] for pair in lengths], np.int64) for k in (0, 1))
    cut = cut_blocks(row, length, np.array(limit), marker=3)
    kept = (cut.head + cut.marker + cut.tail).tolist()
    for r in range(4):
        room, expected = limit[r], []
        for position, (_, tokens) in enumerate(pair for pair in lengths if pair[0] == r):
            least = 5 if position == 0 else 12
            keep = tokens if tokens <= room else (room if room >= least else 0)
            room = room - tokens if tokens <= room else -1
            expected.append(keep)
        assert [k for k, at in zip(kept, row, strict=True) if at == r] == expected


@settings(deadline=None, max_examples=60)
@given(
    fields=st.lists(
        st.lists(st.integers(0, 9), min_size=2, max_size=2), min_size=3, max_size=3
    ),
    texts=st.lists(st.lists(st.integers(1, 20), max_size=4), min_size=3, max_size=3),
    budget=st.integers(1, 50),
)
def test_the_blind_cut_keeps_the_first_tokens_of_each_row(fields, texts, budget):
    row = np.repeat(np.arange(3), [len(text) for text in texts])
    lengths = np.array([length for text in texts for length in text], np.int64)
    kept, blocks = cut_end(np.array(fields), row, lengths, budget)
    for r in range(3):
        # One token after the other, each of the part that it belongs to.
        parts = [*fields[r], *texts[r]]
        tokens = [part for part, length in enumerate(parts) for _ in range(length)][:budget]
        expected = [tokens.count(part) for part in range(len(parts))]
        assert [*kept.lengths[r], *blocks.head[row == r]] == expected


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(
        st.lists(st.integers(0, 20), min_size=3, max_size=3), min_size=1, max_size=5
    ),
    text=st.integers(0, 80),
    budget=st.integers(1, 60),
    share=st.floats(0, 1),
)
def test_fields_leave_text_its_share_and_go_in_order(lengths, text, budget, share):
    before = np.array(lengths)
    cut = cut_fields(
        before,
        np.full(len(before), text),
        cut_first=np.array([2, 0, 1]),
        budget=budget,
        text_share=share,
    )
    room = budget - min(text, int(share * budget))
    for old, new in zip(before, cut.lengths, strict=True):
        assert new.sum() <= room
        left = [old[[2, 0, 1][k:]].sum() for k in range(4)]  # after cutting the first k
        assert new.sum() == next(total for total in left if total <= room)


def test_cuts_are_told_only_where_there_are_any():
    assert str(Cuts(rows=1_484)) == "none of 1,484 prompts cut"
    told = str(Cuts(rows=1_484, rows_cut=2, blocks_dropped=3, tokens=40))
    assert told.startswith("2 of 1,484 prompts cut: 3 texts dropped, 0 shortened")
    assert told.endswith("40 tokens lost")
