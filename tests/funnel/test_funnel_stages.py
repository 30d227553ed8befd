import numpy as np
import polars as pl

from leadrank.funnel import read_lead_table

HEAD = "id,at,visits,call,won\n"
CALL = {"name": "call", "reached_at": "call"}
ORDER = {"name": "order", "reached_at": "won"}
LEAD = {"name": "lead", "always": True}


def test_stage_is_the_deepest_one_reached_after_the_snapshot_within_the_horizon(read):
    rows = [
        "a,2024-01-01,1,,",  # nothing: lead
        "b,2024-01-01,1,2024-01-05,",  # called
        "c,2024-01-01,1,2024-01-05,2024-01-31",  # ordered 30 days later: still within
        "d,2024-01-01,1,,2024-01-31 00:00:01",  # one second past the horizon
        "e,2024-01-01,1,2024-01-01,",  # called at the snapshot: known, not news
        "f,2024-01-01,1,2023-12-01,2024-01-02",  # ordered; the call was before
    ]
    table = read(HEAD + "\n".join(rows), stages=[LEAD, CALL, ORDER])
    assert table.rows["stage"].to_list() == [0, 1, 2, 0, 0, 2]
    assert table.rows["label"].to_list() == [0, 0, 1, 0, 0, 1]


def test_a_stage_is_skipped_only_if_it_was_never_passed(read):
    rows = [
        "a,2024-01-01,1,,2024-01-05",  # ordered without any call
        "b,2024-01-01,1,2023-12-01,2024-01-05",  # called before the snapshot
        "c,2024-01-01,1,2024-01-02,2024-01-05",
    ]
    table = read(HEAD + "\n".join(rows), stages=[LEAD, CALL, ORDER])
    assert table.report.skipped == {"call": 1}


def test_no_rule_that_holds_is_an_unknown_stage_not_a_shallow_one(read):
    stages = [
        {"name": "busy", "column": "tag", "values": ["Ringing", "Busy"]},
        {"name": "order", "column": "won", "values": ["1"]},
    ]
    csv = "id,at,visits,tag,won\na,1,1,,0\nb,2,1,Busy,0\nc,3,1,busy,0\nd,4,1,,1\n"
    snapshot = {"column": "at", "kind": "order"}
    table = read(csv, stages=stages, snapshot=snapshot, horizon_days=None, extract="final")
    # "busy" is not "Busy": values compare case-sensitively.
    assert table.rows["stage"].to_list() == [None, 0, None, 1]
    assert table.rows["mature"].all()
    assert table.rows["snapshot"].to_list() == [1, 2, 3, 4]


def test_a_count_reaches_its_stage_at_least(read):
    stages = [
        LEAD,
        {"name": "talked", "column": "comments", "at_least": 2},
        {"name": "order", "column": "won", "values": ["true"]},
    ]
    csv = "id,at,visits,comments,won\na,2024-01-01,1,1,false\nb,2024-01-01,1,2,false\n"
    table = read(csv + "c,2024-01-01,1,0,true\n", stages=stages)
    assert table.rows["stage"].to_list() == [0, 1, 2]
    assert table.report.skipped == {"talked": 1}


def test_json_booleans_compare_as_true_and_false(make_crm, tmp_path):
    (tmp_path / "leads.jsonl").write_text(
        '{"id": 1, "at": "2024-01-01", "visits": 1, "won": true}\n'
        '{"id": 2, "at": "2024-01-01", "visits": 1, "won": false}\n'
    )
    crm = make_crm(
        source={"tables": {"leads": "leads.jsonl"}},
        stages=[LEAD, {"name": "order", "column": "won", "values": ["true"]}],
    )
    assert read_lead_table(crm, tmp_path).rows["label"].to_list() == [1, 0]


def test_lost_is_beside_the_stages_and_never_with_an_order(read):
    csv = "id,at,visits,won,gone\na,2024-01-01,1,,2024-01-05\n"
    csv += "b,2024-01-01,1,2024-01-09,2024-01-05\nc,2024-01-01,1,,2023-12-31\n"
    table = read(csv, lost={"reached_at": "gone"})
    # b was lost and came back; c was lost before the snapshot.
    assert table.rows["lost"].to_list() == [True, False, False]
    assert table.rows["stage"].to_list() == [0, 1, 0]


def test_maturity_is_follow_up_whatever_the_outcome(read):
    # Extract 2024-06-30, horizon 30 days: followed in full up to 2024-05-31.
    csv = "id,at,visits,won\na,2024-05-31,1,\nb,2024-06-01,1,\nc,2024-06-01,1,2024-06-02\n"
    assert read(csv).rows["mature"].to_list() == [True, False, False]


def test_days_of_follow_up_and_to_the_order(read):
    # Extract 2024-06-30, horizon 30 days; c ordered 31 days later, which is no order here.
    csv = "id,at,visits,won\na,2024-05-31,1,2024-06-01 12:00\nb,2024-06-01,1,\n"
    table = read(csv + "c,2024-01-01,1,2024-02-01\n").rows
    assert table["followed_days"].to_list() == [30.0, 29.0, 181.0]
    assert table["order_days"].to_list() == [1.5, None, None]


def test_without_times_no_days_are_known(read):
    stages = [LEAD, {"name": "order", "column": "won", "values": ["1"]}]
    csv = "id,at,visits,won\na,2024-01-01,1,1\n"
    final = read(csv, stages=stages, horizon_days=None, extract="final").rows
    assert final["followed_days"].to_list() == final["order_days"].to_list() == [None]
    unlabelled = read(csv, labelled=False, stages=stages).rows
    assert unlabelled["followed_days"].to_list() == [None]


def test_in_a_world_of_constant_conversion_young_kept_rows_order_as_often_as_old_ones(
    make_crm, tmp_path
):
    """Orders come at a constant hazard; what happens after the extract is not recorded.

    P(order within 30 days) = 1 - exp(-30/100) = 0.259 for every snapshot. Maturity by outcome
    ("ordered or followed") would keep young rows that ordered only, a rate of 1.
    """
    rng = np.random.default_rng(0)
    day = rng.uniform(0, 300, 40_000)
    won = day + rng.exponential(100, day.size)
    second = pl.duration(microseconds=pl.col("us"))
    origin = pl.datetime(2024, 1, 1, time_zone="UTC")
    frame = pl.DataFrame({"day": day, "won_day": won}).with_row_index("id")
    for column, name in (("day", "at"), ("won_day", "won")):
        us = (pl.col(column) * 86_400e6).cast(pl.Int64).alias("us")
        frame = frame.with_columns(us).with_columns((origin + second).alias(name))
    recorded = pl.when(pl.col("won_day") <= 300).then("won").alias("won")
    frame.select("id", "at", recorded, visits=1).write_parquet(tmp_path / "leads.parquet")
    crm = make_crm(source={"tables": {"leads": "leads.parquet"}}, extract="2024-10-27")
    kept = read_lead_table(crm, tmp_path).rows.filter("mature")

    last = kept["snapshot"].max()
    young = kept.filter(pl.col("snapshot") > pl.lit(last) - pl.duration(days=30))
    old = kept.filter(pl.col("snapshot") <= pl.lit(last) - pl.duration(days=30))
    truth = 1 - np.exp(-0.3)
    error = np.sqrt(truth * (1 - truth) * (1 / young.height + 1 / old.height))
    assert abs(young["label"].mean() - old["label"].mean()) < 3 * error
    assert abs(young["label"].mean() - truth) < 0.03
    assert young.height > 3_000


def test_the_label_of_an_immature_row_may_be_missing(read):
    stages = [LEAD, {"name": "order", "column": "won", "values": ["1"]}]
    table = read("id,at,visits,won\na,2024-06-29,1,\nb,2024-01-01,1,1\n", stages=stages)
    assert table.report.quarantine.is_empty()
    assert table.rows["mature"].to_list() == [False, True]


def test_orders_after_the_horizon_are_counted(read):
    # 30 days after 5 January is 4 February, whose midnight is still within.
    orders = ("2024-02-04", "2024-02-04 00:00:01", "2024-03-01", "")
    csv = "id,at,visits,won\n" + "".join(
        f"l{i},2024-01-05,1,{day}\n" for i, day in enumerate(orders)
    )
    table = read(csv)
    assert table.rows["label"].to_list() == [1, 0, 0, 0]
    assert table.report.ordered_after == 2
    final = read(csv, horizon_days=None, extract="final")
    assert final.rows["label"].to_list() == [1, 1, 1, 0]
    assert final.report.ordered_after == 0


def test_orders_dated_before_their_snapshot_are_counted(read):
    table = read("id,at,visits,won\na,2024-01-05,1,2024-01-04\nb,2024-01-05,1,2024-01-06\n")
    assert table.report.ordered_before == 1
    assert table.rows["label"].to_list() == [0, 1]
