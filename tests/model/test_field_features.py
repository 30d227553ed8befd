"""Fields as numbers: bins, missing, zero, levels; the same after a trip through JSON."""

import json

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leadrank.model.field_features import CategoricalCode, FieldFeatures, NumericCode


def numeric(values, name="visits"):
    return pl.DataFrame({name: values}, schema={name: pl.Float64})


def test_each_bin_says_how_much_of_it_lies_below_the_value():
    """Bins 0..2 and 2..10; then missing, then zero. 6 fills half of the second bin."""
    code = NumericCode("visits", (0.0, 2.0, 10.0))
    found = code.encode(numeric([6.0, 1.0, 0.0, -5.0, 50.0, None]))
    expected = [
        [1.0, 0.5, 0, 0],
        [0.5, 0.0, 0, 0],
        [0.0, 0.0, 0, 1],
        [0.0, 0.0, 0, 0],  # below all that training showed
        [1.0, 1.0, 0, 0],  # above it
        [0.0, 0.0, 1, 0],  # not known, which is not zero
    ]
    np.testing.assert_array_equal(found, expected)


def test_edges_are_the_distinct_quantiles_of_what_is_known():
    features = FieldFeatures.fit(numeric([*range(17), None]), ["visits"], [])
    assert features.numeric[0].edges == tuple(float(i) for i in range(17))
    repeated = FieldFeatures.fit(numeric([0.0] * 90 + [1.0] * 10), ["visits"], [])
    assert repeated.numeric[0].edges[0] == 0
    assert repeated.numeric[0].edges[-1] == 1
    assert np.all(np.diff(repeated.numeric[0].edges) > 0)


@pytest.mark.parametrize("values", [[None] * 3, [4.0] * 3, [0.0] * 3])
def test_a_field_without_spread_keeps_missing_and_zero_only(values):
    features = FieldFeatures.fit(numeric(values), ["visits"], [])
    found = features.encode(numeric([0.0, 5.0, None]))
    assert found.tolist() == [[0, 1], [0, 0], [1, 0]]
    assert features.width == 2


def test_rare_and_unseen_levels_share_one_and_missing_is_a_level():
    rows = pl.DataFrame({"channel": ["fair"] * 10 + ["friend"] * 9 + [None] * 12})
    features = FieldFeatures.fit(rows, [], ["channel"])
    assert features.categorical[0].levels == ("(missing)", "fair")
    new = pl.DataFrame({"channel": ["fair", None, "friend", "radio"]})
    assert features.encode(new).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]]


def test_missing_is_other_where_training_hardly_missed_it():
    rows = pl.DataFrame({"channel": ["fair"] * 10 + [None]})
    features = FieldFeatures.fit(rows, [], ["channel"])
    assert features.encode(pl.DataFrame({"channel": [None]}, {"channel": pl.String})).tolist() \
        == [[0, 1]]  # fmt: skip


def test_names_follow_the_columns():
    features = FieldFeatures(
        (NumericCode("visits", (0.0, 2.0)),), (CategoricalCode("channel", ("fair",)),)
    )
    assert features.names == [
        "visits 0 to 2",
        "visits missing",
        "visits zero",
        "channel = fair",
        "channel other",
    ]
    assert features.width == 5


def test_without_fields_there_are_no_columns():
    features = FieldFeatures.fit(numeric([1.0, 2.0]), [], [])
    assert features.encode(numeric([1.0, 2.0])).shape == (2, 0)


# No CRM has values 1e-300 apart, whose quotients overflow.
finite = st.floats(-1e12, 1e12).map(lambda value: round(value, 6))
numbers = st.one_of(st.none(), finite, st.integers(-3, 3).map(float))
words = st.one_of(st.none(), st.sampled_from(["fair", "Messe", "", "朋友", "nan"]))
tables = st.lists(st.tuples(numbers, words), min_size=1, max_size=60)


def table(rows):
    return pl.DataFrame(rows, {"visits": pl.Float64, "channel": pl.String}, orient="row")


@settings(deadline=None, max_examples=100)
@given(train=tables, new=tables)
def test_features_lie_in_0_to_1_for_any_rows(train, new):
    features = FieldFeatures.fit(table(train), ["visits"], ["channel"])
    found = features.encode(table(new))
    assert found.shape == (len(new), features.width)
    assert found.dtype == torch.float32
    assert bool(((found >= 0) & (found <= 1)).all())


@settings(deadline=None, max_examples=50)
@given(train=tables, new=tables)
def test_json_brings_the_same_features_back(train, new):
    features = FieldFeatures.fit(table(train), ["visits"], ["channel"])
    again = FieldFeatures.from_dict(json.loads(json.dumps(features.to_dict())))
    assert again == features
    assert torch.equal(again.encode(table(new)), features.encode(table(new)))


@settings(deadline=None, max_examples=50)
@given(train=tables, values=st.lists(finite, min_size=2, max_size=20))
def test_bins_never_fall_as_the_value_grows(train, values):
    features = FieldFeatures.fit(table(train), ["visits"], [])
    bins = features.encode(numeric(sorted(values)))[:, :-2]
    assert bool((bins.diff(dim=0) >= 0).all())
