"""The systems, one module each; a module put here is compared, and nothing else is changed.

A module has TITLE (as in a table), SEEDS (5 where it is random, else 1), READS (fields, text or
both) and `fit_and_score(study, seed) -> Scored`.
"""
