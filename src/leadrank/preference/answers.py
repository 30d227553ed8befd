"""The Yes/No regulariser: what a language model answers when asked whether the lead orders."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from leadrank.preference.losses import Reduced


def answer_loss(
    words: Float[Tensor, "n v"],
    label: Float[Tensor, " n"],
    weight: Float[Tensor, " n"],
    rate: Float[Tensor, " n"],
    *,
    yes: int,
    no: int,
) -> Reduced:
    """Sum the cross-entropy over the whole vocabulary of the word that answers.

    `w * (logsumexp(words) - words[yes if label else no])` with w = weight / rate, at the one
    position after the question (arXiv 2606.04387, as its code does; over the two answers alone
    it would be a second pointwise loss, and would not keep the model a language model).

    Args:
        words: logits of the next token [n v].
        label: 0 or 1 [n].
        weight: rows of the population that a row stands for, 0 or more [n].
        rate: expected times the row is drawn per epoch, above 0 [n].
        yes: token of the answer to label 1.
        no: token of the answer to label 0.

    Returns:
        weighted sum of losses and sum of weights, scalars.
    """
    words = words.to(torch.promote_types(words.dtype, torch.float32))
    share = weight.to(words.dtype) / rate.to(words.dtype)
    answer = torch.where(label > 0, yes, no)
    each = cross_entropy(words, answer, reduction="none")
    return Reduced((share * each).sum(), share.sum())
