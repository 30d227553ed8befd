from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from leadrank.errors import UserError
from leadrank.evaluation import fit_lightgbm
from leadrank.evaluation import lightgbm as rival
from leadrank.funnel import LeadTable, load_crm_file, read_lead_table

CRM = """
name: tiny
about: visits and channel decide, noise does not
source: {tables: {leads: leads.parquet}}
timezone: UTC
lead_id: lead
snapshot: {column: at, kind: time}
horizon_days: 30
extract: final
stages: [{name: contact, always: true}, {name: order, column: ordered, values: ["1"]}]
weight: w
fields:
  numeric: [{column: visits, name: visits}]
  categorical: [{column: channel, name: channel}]
forbidden: [ordered]
split: {kind: time, test: 0.3, validation: 0.2}
"""


def read(folder: Path, rows: pl.DataFrame, crm: str = CRM) -> LeadTable:
    rows.write_parquet(folder / "leads.parquet")
    (folder / "crm.yaml").write_text(crm)
    return read_lead_table(load_crm_file(folder / "crm.yaml"), folder)


def leads(n: int = 1200) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    visits, channel = rng.normal(size=n), rng.integers(3, size=n)
    logit = 1.5 * visits + np.array([-1.5, 0.0, 1.5])[channel] - 1.0
    ordered = rng.random(n) < 1 / (1 + np.exp(-logit))
    return pl.DataFrame(
        {
            "lead": [f"L{i}" for i in range(n)],
            "at": [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=i) for i in range(n)],
            "visits": visits,
            "channel": np.array(["fair", "web", "friend"])[channel],
            "undeclared": ordered.astype(int),
            "ordered": ordered.astype(int),
            "w": np.ones(n),
        }
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> LeadTable:
    return read(tmp_path_factory.mktemp("crm"), leads())


@pytest.fixture(scope="module")
def scores(table: LeadTable) -> np.ndarray:
    return fit_lightgbm(table, seed=1)


def with_rows(table: LeadTable, *columns: pl.Expr) -> LeadTable:
    return replace(table, rows=table.rows.with_columns(*columns))


def test_scores_every_row_and_ranks_the_test_part(table: LeadTable, scores: np.ndarray) -> None:
    """The logit that made the labels has an AUC of .87 on these rows."""
    test = (table.rows["part"] == "test").fill_null(value=False).to_numpy()
    auc = roc_auc_score(table.rows["label"].to_numpy()[test], scores[test])
    assert scores.shape == (table.rows.height,)
    assert 0.8 < auc < 0.95


def test_the_same_seed_gives_the_same_scores(table: LeadTable, scores: np.ndarray) -> None:
    np.testing.assert_array_equal(fit_lightgbm(table, seed=1), scores)


def test_an_undeclared_column_changes_nothing(table: LeadTable, scores: np.ndarray) -> None:
    """Were it read, the label itself in a column would lift AUC to 1."""
    leaking = with_rows(table, pl.col("label").cast(pl.Float64).alias("undeclared"))
    np.testing.assert_array_equal(fit_lightgbm(leaking, seed=1), scores)


def test_test_labels_change_nothing(table: LeadTable, scores: np.ndarray) -> None:
    inverted = pl.when(pl.col("part") == "test").then(1 - pl.col("label")).otherwise("label")
    np.testing.assert_array_equal(
        fit_lightgbm(with_rows(table, inverted.cast(pl.Int8).alias("label")), seed=1), scores
    )


def test_immature_train_rows_change_nothing(table: LeadTable) -> None:
    young = pl.int_range(pl.len()) < 60
    mature = pl.when(young).then(pl.lit(False)).otherwise("mature").alias("mature")
    before = with_rows(table, mature)
    flipped = pl.when(young).then(1 - pl.col("label")).otherwise("label").cast(pl.Int8)
    after = with_rows(before, flipped.alias("label"))
    np.testing.assert_array_equal(fit_lightgbm(before, seed=1), fit_lightgbm(after, seed=1))


def test_a_category_that_train_never_showed_is_missing(table: LeadTable) -> None:
    """An unknown channel scores as a null one does."""
    test = pl.col("part") == "test"

    def with_channel(value: str | None) -> np.ndarray:
        column = pl.when(test).then(pl.lit(value, pl.String)).otherwise("channel")
        return fit_lightgbm(with_rows(table, column.alias("channel")), seed=1)

    np.testing.assert_array_equal(with_channel("never seen"), with_channel(None))


def test_weights_count(table: LeadTable, scores: np.ndarray) -> None:
    heavy = pl.when(pl.col("label") == 1).then(0.05).otherwise(1.0).alias("weight")
    weighted = fit_lightgbm(with_rows(table, heavy), seed=1)
    assert weighted.mean() < scores.mean() - 1.0


def test_without_fields_every_score_is_zero(tmp_path: Path) -> None:
    start, end = CRM.index("fields:"), CRM.index("forbidden:")
    textual = CRM[:start] + "text: {columns: [{column: channel, name: note}]}\n" + CRM[end:]
    table = read(tmp_path, leads(200), textual)
    assert not fit_lightgbm(table, seed=1).any()


def test_train_without_orders_is_the_users_to_mend(table: LeadTable) -> None:
    none = pl.when(pl.col("part") == "train").then(0).otherwise("label").cast(pl.Int8)
    with pytest.raises(UserError, match="train part has 0 orders"):
        fit_lightgbm(with_rows(table, none.alias("label")), seed=1)


def test_the_tuning_budget_is_as_stated() -> None:
    assert len(rival.CONFIGURATIONS) == 8
