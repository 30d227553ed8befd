from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadrank.errors import UserError
from leadrank.funnel.crm_keys import Split
from leadrank.funnel.split import PARTS, assign_parts

START = datetime(2024, 1, 1, tzinfo=UTC)
HORIZON = timedelta(days=30)
LEADS = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 300)), min_size=1, max_size=80)
SHARED_CRM = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def frame(leads: list[tuple[int, int]], followed_days: int = 270) -> pl.DataFrame:
    rows = {
        "row_id": range(len(leads)),
        "lead_id": [str(lead) for lead, _ in leads],
        "snapshot": [START + timedelta(days=day) for _, day in leads],
        "mature": [day <= followed_days for _, day in leads],
        "value of store": [str(lead % 5) for lead, _ in leads],
    }
    return pl.DataFrame(rows).cast({"snapshot": pl.Datetime("us", "UTC")})


def parts(rows: pl.DataFrame, crm) -> pl.DataFrame:
    part, _ = assign_parts(rows, crm)
    return rows.with_columns(part.alias("part"))


@SHARED_CRM
@given(leads=LEADS, lead_disjoint=st.booleans())
def test_no_label_of_an_earlier_part_reaches_into_a_later_one(make_crm, leads, lead_disjoint):
    split = Split(kind="time", lead_disjoint=lead_disjoint)
    rows = parts(frame(leads), replace(make_crm(), split=split))
    for earlier, later in (("train", "validation"), ("validation", "test"), ("train", "test")):
        last = rows.filter(pl.col("part") == earlier)["snapshot"].max()
        first = rows.filter(pl.col("part") == later)["snapshot"].min()
        assert last is None or first is None or last + HORIZON <= first


@SHARED_CRM
@given(leads=LEADS, kind=st.sampled_from(["time", "group", "random"]), seed=st.integers(0, 9))
def test_no_lead_is_in_two_parts_and_no_immature_row_in_test(make_crm, leads, kind, seed):
    split = Split(kind=kind, by="store" if kind == "group" else None, seed=seed)
    rows = parts(frame(leads), replace(make_crm(), split=split))
    placed = rows.drop_nulls("part")
    assert placed.group_by("lead_id").agg(pl.col("part").n_unique()).filter(part=2).is_empty()
    assert placed.filter(part="test", mature=False).is_empty()


@SHARED_CRM
@given(
    leads=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 300)), unique=True, min_size=1),
    data=st.data(),
)
def test_the_split_does_not_depend_on_the_order_of_rows(make_crm, leads, data):
    crm = make_crm()
    shuffled = data.draw(st.permutations(leads))
    key = ["lead_id", "snapshot"]
    one = parts(frame(leads), crm).sort(key).select(*key, "part")
    assert one.equals(parts(frame(shuffled), crm).sort(key).select(*key, "part"))


def test_shares_and_purge_by_hand(make_crm):
    # 100 leads on days 0..99: test = the last 30, days 70-99. Days 41-69 end after day 70
    # (41 + 30 = 71): 29 purged. Of the 41 left, round(0.15 * 41) = 6 are validation, days
    # 35-40; train must end by day 35, so days 0-5, and days 6-34 (29 more) are purged.
    rows = frame([(i, i) for i in range(100)])
    part, counts = assign_parts(rows, make_crm())
    days = {name: [i for i, p in enumerate(part) if p == name] for name in PARTS}
    assert days["test"] == list(range(70, 100))
    assert days["validation"] == list(range(35, 41))
    assert days["train"] == list(range(6))
    assert counts.purged == 58


def test_without_a_horizon_nothing_is_purged(make_crm):
    crm = make_crm(horizon_days=None, extract="final")
    part, counts = assign_parts(frame([(i, i) for i in range(100)]), crm)
    # 30 test; round(0.15 * 70) = 10 (10.5 rounds to even) validation; 60 train.
    assert [part.eq(name).sum() for name in PARTS] == [60, 10, 30]
    assert counts.purged == 0


def test_a_lead_of_a_later_part_leaves_the_earlier_one_and_is_counted(make_crm):
    crm = make_crm(horizon_days=None, extract="final")
    rows = frame([(i, i) for i in range(99)] + [(0, 99)])
    part, counts = assign_parts(rows, crm)
    assert part[0] is None
    assert part[99] == "test"
    assert counts.lead_overlap == 1


def test_rows_of_one_instant_are_never_parted(make_crm):
    crm = make_crm(horizon_days=None, extract="final")
    rows = parts(frame([(i, i // 25) for i in range(100)]), crm)
    by_instant = rows.group_by("snapshot").agg(pl.col("part").n_unique())
    assert by_instant["part"].to_list() == [1, 1, 1, 1]


def test_a_group_split_keeps_groups_whole(make_crm):
    crm = replace(make_crm(), split=Split(kind="group", by="store", lead_disjoint=False))
    rows = parts(frame([(i, i) for i in range(100)]), crm)
    by_store = rows.group_by("value of store").agg(pl.col("part").n_unique())
    assert by_store["part"].max() == 1
    assert set(rows["part"]) == set(PARTS)


def test_a_random_split_follows_its_seed(make_crm):
    rows = frame([(i, i % 200) for i in range(1_000)])
    crm = replace(make_crm(), split=Split(kind="random", seed=1))
    again = replace(make_crm(), split=Split(kind="random", seed=1))
    other = replace(make_crm(), split=Split(kind="random", seed=2))
    assert assign_parts(rows, crm)[0].equals(assign_parts(rows, again)[0])
    assert not assign_parts(rows, crm)[0].equals(assign_parts(rows, other)[0])
    assert assign_parts(rows, crm)[0].eq("test").mean() == pytest.approx(0.3, abs=0.002)


def test_a_test_part_without_mature_rows_is_an_error_when_asked_for(read):
    table = read("id,at,visits,won\na,2024-06-29,1,\nb,2024-06-30,1,\n")
    with pytest.raises(
        UserError, match=r"test part has no rows: of 2 usable rows 0 are mature"
    ):
        table.part("test")


def test_an_unknown_part_is_an_error(read):
    with pytest.raises(UserError, match="no part 'tset'"):
        read("id,at,visits,won\na,2024-01-01,1,\n").part("tset")
