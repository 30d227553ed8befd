import polars as pl

CSV = "id,at,visits,won,store,minutes,channel\n" + "".join(
    f"l{i},2024-01-{i + 1:02d} 23:30,{i},{'2024-02-01' if i % 3 else ''},{i % 2},{i},web\n"
    for i in range(30)
)
KEYS = {
    "group": {"columns": ["store"], "day": True},
    "soft_signals": [{"column": "minutes"}],
    "fields": {
        "numeric": [{"column": "visits", "name": "visits"}],
        "categorical": [{"column": "channel", "name": "channel"}],
    },
    "timezone": "Europe/Berlin",
}


def test_columns_and_types_are_the_agreed_ones(read):
    note = pl.Struct({"at": pl.Datetime("us", "UTC"), "name": pl.String, "text": pl.String})
    assert read(CSV, **KEYS).rows.schema == pl.Schema(
        {
            "row_id": pl.Int64,
            "lead_id": pl.String,
            "snapshot": pl.Datetime("us", "UTC"),
            "group": pl.String,
            "stage": pl.Int8,
            "label": pl.Int8,
            "lost": pl.Boolean,
            "mature": pl.Boolean,
            "followed_days": pl.Float64,
            "order_days": pl.Float64,
            "weight": pl.Float64,
            "part": pl.String,
            "visits": pl.Float64,
            "channel": pl.String,
            "minutes": pl.Float64,
            "text": pl.List(note),
        }
    )


def test_unlabelled_rows_have_the_same_columns_and_need_no_outcome(read):
    columns = ["id", "at", "visits", "store", "channel"]
    csv = pl.read_csv(CSV.encode(), infer_schema=False).select(columns).write_csv()
    table = read(csv, labelled=False, **KEYS)
    assert table.rows.schema == read(CSV, **KEYS).rows.schema
    row = table.rows.row(0, named=True)
    assert [row[k] for k in ("stage", "label", "mature", "part")] == [None, None, False, None]
    assert table.rows["weight"].to_list() == [1.0] * 30


def test_a_group_is_its_columns_and_the_local_day(read):
    # 23:30 in Berlin on 1 January is 22:30 UTC of the same day; on 31 March (summer) too.
    table = read("id,at,visits,won,store\na,2024-01-01 23:30Z,1,,12\n", **{**KEYS, **SMALL})
    assert table.rows["group"].to_list() == ["store 12 / 2024-01-02"]  # 00:30 in Berlin


SMALL = {"soft_signals": [], "fields": {"numeric": [{"column": "visits", "name": "visits"}]}}


def test_a_row_without_its_store_is_in_no_list(read):
    table = read("id,at,visits,won,store\na,2024-01-01,1,,\n", **{**KEYS, **SMALL})
    assert table.rows["group"].to_list() == [None]


def test_the_fingerprint_follows_rows_and_crm_file_alone(read):
    same = read(CSV, **KEYS).fingerprint
    assert read(CSV, **KEYS).fingerprint == same
    assert read(CSV.replace("l3,", "l3x,"), **KEYS).fingerprint != same
    assert read(CSV, **KEYS, horizon_days=29).fingerprint != same


def test_the_fingerprint_sees_where_one_text_ends(read):
    columns = [{"column": "a", "name": "x"}, {"column": "b", "name": "x"}]
    head = "id,at,visits,won,a,b\n"
    one = read(head + "1,2024-01-01,1,,ab,c\n", text={"columns": columns})
    two = read(head + "1,2024-01-01,1,,a,bc\n", text={"columns": columns})
    assert one.fingerprint != two.fingerprint
