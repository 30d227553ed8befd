"""The leakage guard on small tables with one leak each, and on clean ones.

600 leads, one row each; a fifth of them order within the horizon. The guard sees those of train
and those that no part took.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from leadrank.errors import UserError
from leadrank.funnel.leaks import find_leaks, leak_report, refuse_leaks

LEADS = 600
REPS = 12
START = datetime(2023, 1, 1)
STAGES = [
    {"name": "lead", "always": True},
    {"name": "visit", "reached_at": "visited"},
    {"name": "order", "reached_at": "won"},
]


def clean_leads(seed: int = 0) -> pl.DataFrame:
    """Leads whose fields know no more than a good field does; half are contacted by phone."""
    random = np.random.default_rng(seed)
    at = [START + timedelta(hours=20 * i) for i in range(LEADS)]
    keen = random.normal(size=LEADS)
    order = random.random(LEADS) < 1 / (1 + np.exp(1.7 - 1.2 * keen))
    visit = order | (random.random(LEADS) < 0.2)
    days = random.integers(1, 25, LEADS)

    def times(there: np.ndarray, ahead: np.ndarray) -> list[str | None]:
        return [
            str(at[i] + timedelta(days=int(ahead[i]))) if there[i] else None
            for i in range(LEADS)
        ]

    return pl.DataFrame(
        {
            "id": [f"L{i}" for i in range(LEADS)],
            "at": [str(time) for time in at],
            "visited": times(visit, np.maximum(1, days - 1)),
            "won": times(order, days),
            "visits": np.round(2 * keen + random.normal(size=LEADS), 2),
            "age": random.integers(18, 80, LEADS),
            "phone": [str(int(p)) if r < 0.5 else None for p, r in zip(
                random.integers(1e6, 9e6, LEADS), random.random(LEADS), strict=True)],
            "rep": [f"rep {i}" for i in random.integers(0, REPS, LEADS)],
        }
    )  # fmt: skip


@pytest.fixture
def guard(read: Callable, tmp_path) -> Callable[..., list]:
    """What the guard finds in a table, with more fields than the clean ones."""

    def found(leads: pl.DataFrame, numeric=(), categorical=(), **keys) -> list:
        named = [["visits", "age", *numeric], ["phone", "rep", *categorical]]
        fields = dict(
            zip(
                ("numeric", "categorical"),
                ([{"column": c, "name": c} for c in columns] for columns in named),
                strict=True,
            )
        )
        defaults = {
            "stages": STAGES,
            "fields": fields,
            "extract": "2024-12-31",
            "max_unusable": 0,
        }
        table = read(leads.write_csv(), **{**defaults, **keys})
        return find_leaks(table, tmp_path)

    return found


def told(leaks: list) -> dict[str, str]:
    return {leak.column: leak.kind for leak in leaks}


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_table_raises_no_alarm(guard, seed):
    assert guard(clean_leads(seed)) == []


def test_a_value_that_exists_only_after_the_order_is_named_with_its_numbers(guard):
    leads = clean_leads()
    leads = leads.with_columns(slot=pl.when(pl.col("won").is_not_null()).then(pl.lit("A")))
    (leak,) = guard(leads, categorical=["slot"])
    assert (leak.kind, leak.column, leak.sure) == ("presence", "slot", True)
    assert "later reached 'order'" in leak.evidence


def test_a_value_that_exists_only_after_the_middle_stage(guard):
    leads = clean_leads()
    leads = leads.with_columns(stars=pl.when(pl.col("visited").is_not_null()).then(pl.lit(3)))
    (leak,) = guard(leads, numeric=["stars"])
    assert "later reached 'visit'" in leak.evidence


def test_a_flag_that_is_raised_only_after_the_order_need_not_be_missing_before(guard):
    leads = clean_leads().with_columns(done=pl.col("won").is_not_null().cast(pl.Int8))
    assert told(guard(leads, numeric=["done"])) == {"done": "presence"}


def test_a_value_known_before_the_snapshot_of_who_had_ordered_before_is_none(guard):
    """Old customers: the order is before the snapshot, and so may be the slot."""
    leads = clean_leads().with_columns(won=pl.lit("2022-01-01"))
    fresh = clean_leads(1).with_columns(id=pl.col("id") + "b")
    leads = pl.concat([leads[:300], fresh[300:]])
    leads = leads.with_columns(slot=pl.when(pl.col("won") == "2022-01-01").then(pl.lit("A")))
    assert guard(leads, categorical=["slot"]) == []


def test_a_field_that_ranks_better_than_all_others_together(guard):
    leads = clean_leads()
    noise = np.random.default_rng(5).normal(size=LEADS)
    ordered = leads["won"].is_not_null().to_numpy()
    leads = leads.with_columns(interest=pl.Series(4 * ordered + noise))
    (leak,) = guard(leads, numeric=["interest"])
    assert (leak.kind, leak.column) == ("strength", "interest")


def test_a_time_after_the_snapshot_and_a_plan_that_is_only_asked_about(guard):
    leads = clean_leads()
    day = pl.col("at").str.to_datetime()
    leads = leads.with_columns(
        signed=(day + pl.duration(days=9)).cast(pl.String),
        planned=(day + pl.duration(days=900)).cast(pl.String),
        born=(day - pl.duration(days=9000)).cast(pl.String),
    )
    found = guard(leads, categorical=["signed", "planned", "born"])
    assert {leak.column: (leak.kind, leak.sure) for leak in found} == {
        "signed": ("time", True),
        "planned": ("time", False),
    }


def test_the_same_lead_on_both_sides_of_the_split(guard):
    leads = clean_leads().with_columns(
        id=pl.concat_str(pl.lit("L"), pl.int_range(pl.len()) % 400)
    )
    assert told(guard(leads, split={"kind": "time", "lead_disjoint": False})) == {"id": "lead"}
    assert guard(leads) == []


def test_a_customer_under_two_leads(guard):
    leads = clean_leads().with_columns(customer=pl.int_range(pl.len()) % 590)
    (leak,) = guard(leads)
    assert "10 values of 'customer' stand under several 'id', 10 of them with rows in diff" in (
        leak.evidence
    )


def test_rows_that_stand_twice_are_counted(guard):
    leads = clean_leads()
    (leak,) = guard(pl.concat([leads, leads[:7]]), max_unusable=0.1)
    assert leak.evidence.startswith("7 rows repeat a lead and snapshot")


@pytest.mark.parametrize("mean", ["all rows", "left out"])
def test_a_reps_order_rate_that_counts_the_rows_own_outcome(guard, mean):
    leads = clean_leads().with_columns(y=pl.col("won").is_not_null().cast(pl.Float64))
    total, rows = pl.col("y").sum().over("rep"), pl.len().over("rep")
    rate = total / rows if mean == "all rows" else (total - pl.col("y")) / (rows - 1)
    (leak,) = guard(leads.with_columns(rate=rate).drop("y"), numeric=["rate"])
    assert (leak.kind, leak.column) == ("rate", "rate")


def test_a_rescaled_rate_of_the_rows_at_hand_agrees_too_well(guard):
    """40 reps; a shrunken rate is no fraction of the rows, but follows the order rates."""
    leads = clean_leads().with_columns(
        rep=pl.concat_str(pl.lit("rep "), pl.int_range(pl.len()) % 40)
    )
    ordered = pl.col("won").is_not_null().mean().over("rep")
    leads = leads.with_columns(rate=0.3141 + 0.2718 * ordered)
    (leak,) = guard(leads, numeric=["rate"])
    assert (leak.kind, leak.column) == ("rate", "rate")
    assert "chi-squared" in leak.evidence


def test_a_reps_rate_of_earlier_customers_is_none(guard):
    """Reps differ truly, and their rate is that of 200 others."""
    random = np.random.default_rng(3)
    skill = random.uniform(0.05, 0.5, REPS)
    leads = clean_leads()
    rep = leads["rep"].str.slice(4).cast(pl.Int64).to_numpy()
    order = random.random(LEADS) < skill[rep]
    won = pl.when(pl.Series(order)).then(
        (pl.col("at").str.to_datetime() + pl.duration(days=5)).cast(pl.String)
    )
    past = random.binomial(200, skill) / 200
    leads = leads.with_columns(won=won, visited=won, rate=pl.Series(past[rep]))
    assert guard(leads, numeric=["rate"]) == []


NOTES = {"columns": [{"column": "note", "name": "note"}]}


def with_notes(leads: pl.DataFrame, after: str) -> pl.DataFrame:
    """Small talk, keen words that orders have more often, and `after` with 70 % of orders."""
    random = np.random.default_rng(7)
    ordered = leads["won"].is_not_null().to_numpy()
    talk = np.array(["nice weather", "called again", "asked for a brochure", "no answer"])
    keen = np.where(random.random(LEADS) < np.where(ordered, 0.8, 0.15), " wants it soon", "")
    signed = np.where(ordered & (random.random(LEADS) < 0.7), after, "")
    said = [f"{a}{b}{c}" for a, b, c in zip(
        random.choice(talk, LEADS), keen, signed, strict=True)]  # fmt: skip
    return leads.with_columns(note=pl.Series(said))


def test_phrases_that_only_orders_have(guard):
    (leak,) = guard(with_notes(clean_leads(), ", deposit paid"), text=NOTES)
    assert (leak.kind, leak.column) == ("text", "note")
    assert "'deposit" in leak.evidence
    assert "wants" not in leak.evidence


def test_keen_words_are_no_alarm(guard):
    assert guard(with_notes(clean_leads(), ""), text=NOTES) == []


def test_notes_stamped_with_a_date_after_the_snapshot(guard):
    leads = clean_leads()
    later = pl.col("at").str.to_datetime() + pl.duration(days=3)
    note = pl.concat_str(pl.lit("asked\n["), later.dt.strftime("%Y-%m-%d"), pl.lit("] rang"))
    (leak,) = guard(leads.with_columns(note=note), text=NOTES)
    assert (leak.kind, leak.column, leak.sure) == ("time", "note", True)


def test_names_count_in_a_table_of_final_states_only(guard):
    leads = clean_leads().with_columns(
        pl.Series("Lead Quality", np.random.default_rng(8).choice(["high", "low"], LEADS))
    )
    assert guard(leads, categorical=["Lead Quality"]) == []
    stages = [
        {"name": "lead", "always": True},
        {"name": "order", "column": "ordered", "values": ["1"]},
    ]
    leads = leads.with_columns(ordered=pl.col("won").is_not_null().cast(pl.Int8))
    keys = {"stages": stages, "extract": "final", "horizon_days": None}
    (leak,) = guard(leads, categorical=["Lead Quality"], **keys)
    assert (leak.kind, leak.sure) == ("name", False)
    assert "ranks orders with AUC 0." in leak.evidence


def test_an_input_that_is_a_soft_signal_too(guard):
    found = guard(clean_leads(), soft_signals=[{"column": "age"}])
    assert told(found) == {"age": "soft signal"}


def test_outcomes_of_validation_and_test_are_not_looked_at(read, tmp_path):
    """The leak is in the later parts alone, so nothing is seen of it."""
    leads = clean_leads()
    later = pl.int_range(pl.len()) >= 330
    slot = pl.when(pl.col("won").is_not_null() & later).then(pl.lit("A"))
    fields = {"categorical": [{"column": "slot", "name": "slot"}]}
    table = read(
        leads.with_columns(slot=slot).write_csv(), stages=STAGES, extract="2024-12-31",
        fields=fields, split={"kind": "time", "test": 0.4, "validation": 0.15},
    )  # fmt: skip
    first = table.rows.filter(pl.col("part").is_in(["validation", "test"]))["row_id"].min()
    assert first <= 330
    assert find_leaks(table, tmp_path) == []


def test_the_report_fits_a_terminal_and_training_can_refuse(read, tmp_path):
    leads = clean_leads()
    leads = leads.with_columns(slot=pl.when(pl.col("won").is_not_null()).then(pl.lit("A")))
    fields = {"categorical": [{"column": "slot", "name": "slot"}]}
    table = read(leads.write_csv(), stages=STAGES, extract="2024-12-31", fields=fields)
    report, _ = leak_report(table, tmp_path)
    assert max(map(len, report.splitlines())) <= 80
    assert "These know what came later (1):" in report
    with pytest.raises(UserError, match="slot \\(presence\\)"):
        refuse_leaks(table, tmp_path, also_unsure=False)


def test_what_must_be_asked_about_is_refused_only_where_it_is_said(read, tmp_path):
    leads = clean_leads().with_columns(ordered=pl.col("won").is_not_null().cast(pl.Int8))
    table = read(
        leads.rename({"age": "last age"}).write_csv(),
        stages=[
            {"name": "lead", "always": True},
            {"name": "order", "column": "ordered", "values": ["1"]},
        ],
        extract="final",
        horizon_days="null",
        fields={"numeric": [{"column": "last age", "name": "age"}]},
    )
    refuse_leaks(table, tmp_path, also_unsure=False)
    with pytest.raises(UserError, match="Ask when these are written"):
        refuse_leaks(table, tmp_path, also_unsure=True)


def test_check_ends_with_1_where_the_table_proves_a_leak(small_crm, command_line, capsys):
    words = ["--root", small_crm.root, "--leaks"]
    assert command_line("check", small_crm.crm, *words) == 0
    assert "It found nothing that knows the outcome." in capsys.readouterr().out
    rows = small_crm.rows()
    small_crm.write([row | {"slot": "A" if row["ordered"] == "1" else ""} for row in rows])
    slot = {"column": "slot", "name": "delivery slot"}
    leaky = small_crm.change(fields={"categorical": [slot]})
    assert command_line("check", leaky, *words) == 1
    assert "slot (presence)" in capsys.readouterr().out


def test_an_experiment_may_refuse_to_train_on_leaks(small_crm, data_of):
    rows = small_crm.rows()
    small_crm.write([row | {"slot": "A" if row["ordered"] == "1" else ""} for row in rows])
    slot = {"column": "slot", "name": "delivery slot"}
    small_crm.change(fields={"categorical": [slot]})
    with pytest.raises(UserError, match="refuses to train on this table"):
        data_of(small_crm, leaks="refuse").setup("fit")
