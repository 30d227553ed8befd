"""From a lead table's rows to token ids: the prompt, its cuts, and the store on disk."""

from leadrank.text.prompt import PromptTemplate, fit_template, load_template, save_template
from leadrank.text.store import Cuts, TokenStore
from leadrank.text.tokens import tokenise

__all__ = [
    "Cuts",
    "PromptTemplate",
    "TokenStore",
    "fit_template",
    "load_template",
    "save_template",
    "tokenise",
]
