"""Yes and No as the tokenizer would write them after the question."""

import pytest

from leadrank.errors import UserError
from leadrank.text import PromptTemplate
from leadrank.text.answers import answer_ids


@pytest.fixture(scope="module")
def tokenizer(embedded_base):
    from transformers import AutoTokenizer

    from leadrank.model.base_model import resolve_base

    return AutoTokenizer.from_pretrained(resolve_base("smollm2-135m").folder)


@pytest.mark.parametrize(
    ("suffix", "words"), [("Order? Answer:", (" Yes", " No")), ("Order?\n", ("Yes", "No"))]
)
def test_the_answers_continue_the_question(tokenizer, suffix, words):
    found = answer_ids(PromptTemplate(suffix=suffix), tokenizer)
    assert tuple(map(tokenizer.decode, found)) == words
    whole = tokenizer(suffix + words[0], add_special_tokens=False).input_ids
    assert whole[-1] == found[0]


def test_after_a_padding_token_they_stand_alone_and_the_prefix_may_have_asked(tokenizer):
    found = answer_ids(PromptTemplate(prefix="Will they order?", append_pad=True), tokenizer)
    assert tuple(map(tokenizer.decode, found)) == ("Yes", "No")
    with pytest.raises(UserError, match="no question to answer"):
        answer_ids(PromptTemplate(prefix="Will they order?"), tokenizer)


@pytest.mark.parametrize("suffix", ["", " \n"])
def test_without_a_question_there_is_no_answer(tokenizer, suffix):
    with pytest.raises(UserError, match=r"no question to answer.*data.prompt.suffix"):
        answer_ids(PromptTemplate(suffix=suffix), tokenizer)


def test_answers_that_begin_alike_are_refused(tokenizer):
    class Bytes:
        """A tokenizer that writes the space before a word as a token of its own."""

        def __call__(self, text, **_):
            return type("Encoding", (), {"input_ids": list(text.encode())})

    with pytest.raises(UserError, match="same token"):
        answer_ids(PromptTemplate(suffix="Order?"), Bytes())
