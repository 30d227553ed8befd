"""A general-purpose LLM, asked Yes or No: no training, the whole depth of the base.

The score is the log-odds of the answer Yes against No by the language-model head. The base is
the comparison's own; SmolLM2-135M is a small stand-in for what people mean by an LLM. Only
validation and test rows are asked, and of large parts a sample (`compare.two_phase`): a few
thousand take minutes on a CPU.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from leadrank.compare.study import Scored, Study
from leadrank.compare.system import UNTUNED, System
from leadrank.compare.tuning import outcomes, scored
from leadrank.funnel import CrmFile
from leadrank.model.encoder import LeadEncoder
from leadrank.model.rows import default_scoring_tokens, pad, scoring_batches
from leadrank.text import PromptTemplate, TokenStore, fit_template, tokenise
from leadrank.text.answers import answer_ids


def fit_and_score(study: Study, seed: int) -> Scored:
    """Log-odds of Yes against No; nothing is random and nothing is tuned."""
    known = outcomes(study)
    data = study.data
    prompt = question_template(data.crm, data.tokenizer, data.prompt.max_tokens)
    template = fit_template(prompt, study.table)
    asked = replace(study.table, rows=study.table.rows[known.asked.tolist()])
    store = tokenise(asked, template, data.tokenizer)
    yes, no = answer_ids(template, data.tokenizer)
    settings = replace(study.encoder, adapt="none", layers=None, quantisation="none")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    encoder = LeadEncoder(settings, device, answers=True).eval()
    score = np.full(len(known.label), np.nan)
    score[known.asked] = _answers(encoder, store, yes, no)
    said = {"base": settings.base, "question": prompt.suffix.strip()}
    return scored(known, score, said, logit=True)


def question_template(
    crm: CrmFile, tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> PromptTemplate:
    """A prompt that ends with the question, in the base's own chat format if it has one.

    `max_tokens` is what the lead itself may take.
    """
    question = (
        f"\nThe above is one of: {crm.about or crm.name}.\n"
        f'Will it reach "{crm.stage_names[-1]}"? Answer with one word, Yes or No.'
    )
    prefix, suffix = "", question + "\nAnswer:"
    if tokenizer.chat_template:
        mark = "<lead>"
        chat = [{"role": "user", "content": mark + question}]
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        prefix, _, suffix = str(text).partition(mark)
    around = sum(len(tokenizer(part).input_ids) for part in (prefix, suffix))
    return PromptTemplate(prefix, suffix, fields="all", max_tokens=max_tokens + around)


@torch.inference_mode()
def _answers(encoder: LeadEncoder, store: TokenStore, yes: int, no: int) -> NDArray[np.float64]:
    """[rows of the store] log-odds of Yes against No."""
    device = next(encoder.trunk.parameters()).device
    most = default_scoring_tokens(device.type == "cuda")
    odds = np.empty(len(store))
    bar = tqdm(total=len(store), desc="Yes or No", unit="lead", delay=2, ncols=80)
    with bar:
        for batch in scoring_batches(store.lengths, max_tokens=most):
            ids, mask = pad([store[int(row)] for row in batch])
            ids, mask = ids.to(device), mask.to(device)
            words = encoder.words(encoder.hidden(ids, mask), mask)
            odds[batch] = (words[:, yes] - words[:, no]).double().cpu().numpy()
            bar.update(len(batch))
    return odds


SYSTEM = System(
    "LLM asked Yes or No", fit_and_score, reads="both", llm=True, dear=True, terms=UNTUNED
)
