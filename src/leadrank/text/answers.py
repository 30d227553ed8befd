"""The tokens of Yes and No after a closing question."""

from transformers import PreTrainedTokenizerBase

from leadrank.errors import UserError
from leadrank.text.encode import part_ids
from leadrank.text.prompt import PromptTemplate


def answer_ids(template: PromptTemplate, tokenizer: PreTrainedTokenizerBase) -> tuple[int, int]:
    """The first tokens of `Yes` and `No` where the prompt ends with a question: its suffix.

    After a suffix that does not end in white space they begin with a space, as in running text;
    after an appended padding token (`append_pad`) they do not, and a prefix may ask.
    Raises UserError without a question, or where the two answers begin alike.
    """
    asks = template.suffix + (template.prefix if template.append_pad else "")
    if not asks.strip():
        raise UserError(
            "model.loss.yes_no: there is no question to answer; end the prompt with one, e.g. "
            '--data.prompt.suffix "Will this customer order? Answer:"'
        )
    space = "" if template.append_pad or template.suffix[-1].isspace() else " "
    yes, no = (part_ids(tokenizer, space + word)[0] for word in ("Yes", "No"))
    if yes == no:
        raise UserError(
            f"model.loss.yes_no: the base's tokenizer begins {space + 'Yes'!r} and "
            f"{space + 'No'!r} with the same token; end data.prompt.suffix in another way"
        )
    return yes, no
