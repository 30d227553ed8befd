"""`leadrank audit`: which tiers of an experiment's pairs can be trusted on one CRM."""

import shlex
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from leadrank.audit.inputs import inputs_of
from leadrank.audit.pull import pulls
from leadrank.audit.report import page, write_audit
from leadrank.audit.rows import AuditedRows, audited_rows
from leadrank.audit.scores import auc, lead_folds, order_score
from leadrank.audit.tier_audit import audit_tiers
from leadrank.compare.presets import experiment_files, read_experiment
from leadrank.funnel import LeadTable
from leadrank.model.ranker import LossSettings
from leadrank.scoring.new_leads import score_table
from leadrank.scoring.saved_model import load_model
from leadrank.training.root import filed_as, named_crm
from leadrank.training.run_folder import load_run

SMOKE_ROWS = 300


def run_audit(chosen: Namespace, words: list[str]) -> int:
    """Prints the audit and writes it to a folder."""
    crm = named_crm(chosen.experiments, chosen.data)
    flags = [f"--data.crm={crm}", *([f"--data.root={chosen.root}"] if chosen.root else [])]
    flags += [f"--model.preference.scheme={chosen.scheme}"] if chosen.scheme else []
    preset = read_experiment(experiment_files(chosen.experiments, chosen.exp), flags)
    table, ranker = preset.data.table, preset.ranker
    tiers = ranker.preference.resolve(table.crm.funnel)
    most = {"most": SMOKE_ROWS} if chosen.smoke else {}
    audited = audited_rows(table, tiers, seed=chosen.seed, **most)
    inputs = inputs_of(audited.rows, table.crm)
    found = audit_tiers(audited, inputs, seed=chosen.seed)
    fold = lead_folds(audited.lead, audited.label, chosen.seed)
    labels_alone = auc(order_score(inputs.matrix, audited.label, fold), audited.label)
    loss = ranker.loss_settings
    # A preset without pairs is audited as if it had some.
    loss = loss if loss.preference else replace(loss, preference=1.0)
    pull = {"at equal scores": _pull(torch.zeros(len(audited.sample)), audited, loss)}
    if chosen.run:
        pull["of the trained run"] = _pull(_scores(chosen.run, table, audited), audited, loss)
    command = shlex.join(["leadrank", "audit", *words])
    text = page(table, found, labels_alone=labels_alone, pull=pull, command=command)
    out = chosen.out or Path("benchmarks/audit", filed_as(crm) + "-smoke" * chosen.smoke)
    write_audit(out, text, found, labels_alone, pull)
    print(text)
    print(f"Written to {out}")
    return 0


def _pull(score: Tensor, audited: AuditedRows, loss: LossSettings) -> dict[str, float]:
    return pulls(score, audited, loss, torch.from_numpy(audited.row_weight))


def _scores(run: Path, table: LeadTable, audited: AuditedRows) -> Tensor:
    """What a finished run's model says of the sampled rows [k]."""
    saved = load_model(load_run(run).model_folder)
    rows = audited.rows[audited.sample.tolist()]
    scored = score_table(saved, replace(table, rows=rows))
    return torch.from_numpy(scored["score"].to_numpy().copy())
