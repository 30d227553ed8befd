"""Probes of the rows that train, fitted on labels alone or on what the tiers say as well."""

import numpy as np
from scipy.sparse import csr_matrix

from leadrank.model.crosses import NO_CROSSES
from leadrank.model.funnel_probe import Sides
from leadrank.model.kept_probe import kept_probe
from leadrank.model.probe import Probe
from leadrank.preference import tier_sides
from leadrank.training.data import LeadDataModule


def fit_on_train(
    data: LeadDataModule,
    text: np.ndarray,
    fields: np.ndarray,
    ngrams: csr_matrix,
    *,
    alone: Probe | None = None,
) -> Probe:
    """The probe of the rows that train, of inputs [rows ...] of the whole table.

    With `alone`, that of labels alone, one that the tiers that count have taught too, unless
    they clearly cost (`fit_funnel_probe`).
    """
    train = data.positions("train")
    columns = (data.rows.label, data.rows.weight, data.rows.lead)
    label, weight, lead = (column.numpy()[train] for column in columns)
    crosses = data.field_features.cross_columns() if fields.shape[1] else NO_CROSSES
    inputs = text[train], fields[train], crosses, label, weight, lead
    options = {"ngrams": ngrams[train], "read_text": data.crm.has_text}
    if alone is None:
        return kept_probe(*inputs, **options)
    return kept_probe(*inputs, **options, sides=_sides(data), alone=alone)


def _sides(data: LeadDataModule) -> list[Sides]:
    """Of each tier that counts, among the rows that train."""
    rows, train = data.rows, data.positions("train")
    found = tier_sides(
        rows.stage[train],
        rows.stage_known[train],
        rows.lost[train],
        tiers=[tier for tier in data.tiers if tier.weight],
        signal=rows.signal[train],
        signal_known=rows.signal_known[train],
    )
    return [Sides(wins.numpy(), loses.numpy()) for wins, loses in found]
