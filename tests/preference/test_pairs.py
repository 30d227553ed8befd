import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from slow_preference import COLUMNS, OPTIONAL, TIERS, random_batch, slow_pairs

from leadrank.preference import Tier, preference_pairs

SCOPES = (
    {"scope": "all"},
    {"scope": "group"},
    {"scope": "both", "group_weight": 3.0},
    {"scope": "both", "group_weight": 0.5, "per_winner": True},
)
seeds = st.integers(0, 2**31)
sizes = st.integers(0, 25)
options = st.sampled_from(SCOPES)


def find(batch, tiers=TIERS, **settings):
    given = {key: batch[key] for key in OPTIONAL if key in batch}
    return preference_pairs(*(batch[key] for key in COLUMNS), tiers=tiers, **given, **settings)


def pairs_of(batch, tiers, **settings):
    return list(zip(*(x.tolist() for x in find(batch, tiers, **settings)[:3]), strict=True))


def batch(stage, **columns):
    n = len(stage)
    return {
        "stage": torch.tensor(stage),
        "stage_known": torch.ones(n, dtype=torch.bool),
        "lost": torch.zeros(n, dtype=torch.bool),
        "mature": torch.ones(n, dtype=torch.bool),
        "lead": torch.arange(n),
    } | {key: torch.tensor(value) for key, value in columns.items()}


@pytest.mark.parametrize("settings", SCOPES)
def test_equals_the_slow_definition_in_its_order(settings):
    for seed in range(250):
        rows = random_batch(seed)
        expected = slow_pairs(rows, TIERS, **settings)
        assert pairs_of(rows, TIERS, **settings) == [pair[:3] for pair in expected], seed
        found = find(rows, **settings)
        for i, name in ((3, "margin"), (4, "weight")):
            want = [pair[i] for pair in expected]
            assert getattr(found, name).tolist() == pytest.approx(want, rel=1e-5), seed


def test_the_random_batches_hold_pairs_of_every_tier():
    tiers = {p[2] for seed in range(250) for p in slow_pairs(random_batch(seed), TIERS)}
    assert tiers == {0, 1, 2, 3, 4}


# Invariants


@given(seeds, sizes, options)
def test_no_pair_holds_both_ways_within_a_tier(seed, size, settings):
    found = pairs_of(random_batch(seed, size), TIERS, **settings)
    assert len(set(found)) == len(found)
    assert not any((lo, w, t) in set(found) for w, lo, t in found)


@given(seeds, sizes, options)
def test_stages_are_known_and_unequal_save_in_tiers_that_say_so(seed, size, settings):
    rows = random_batch(seed, size)
    found = find(rows, **settings)
    stage, known, tier = rows["stage"], rows["stage_known"], found.tier
    soft = torch.tensor([t.signal is not None for t in TIERS])[tier]
    orders = torch.tensor([t.loser_unknown for t in TIERS])[tier]
    equal = stage[found.winner] == stage[found.loser]
    assert known[found.winner].all()
    assert (known[found.loser] | orders).all()
    assert (equal | ~soft).all()
    assert (~equal[known[found.loser] & ~soft]).all()


@given(seeds, sizes, options)
def test_a_lead_never_meets_itself_and_every_row_counts(seed, size, settings):
    rows = random_batch(seed, size)
    found = find(rows, **settings)
    assert (rows["lead"][found.winner] != rows["lead"][found.loser]).all()
    for side in (found.winner, found.loser):
        assert rows["mature"][side].all()
        assert (rows["row_weight"][side] > 0).all()


@given(seeds, sizes, options)
def test_permuting_the_rows_permutes_the_pairs_and_nothing_else(seed, size, settings):
    rows = random_batch(seed, size)
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    found = find(rows, **settings)
    moved = find({key: column[order] for key, column in rows.items()}, **settings)

    def listed(pairs, place):
        ids = [place[pairs.winner].tolist(), place[pairs.loser].tolist(), pairs.tier.tolist()]
        weights = [round(w, 4) for w in pairs.weight.tolist()]
        return sorted(zip(*ids, pairs.margin.tolist(), weights, strict=True))

    assert listed(moved, order) == listed(found, torch.arange(size))


@given(seeds, sizes, options)
def test_per_winner_weights_sum_to_the_winners_own(seed, size, settings):
    rows = random_batch(seed, size)
    found = find(rows, **{**settings, "per_winner": True})
    key = found.tier * size + found.winner
    total = torch.zeros(len(TIERS) * size).index_add(0, key, found.weight)
    expected = rows["row_weight"].repeat(len(TIERS))
    present = torch.zeros(len(TIERS) * size, dtype=torch.bool).index_fill(0, key, True)
    torch.testing.assert_close(total[present], expected[present])


@given(seeds, sizes, st.integers(1, 4), st.booleans())
def test_a_cap_keeps_a_part_of_each_winners_pairs(seed, size, most, per_winner):
    rows = random_batch(seed, size)
    every = pairs_of(rows, TIERS)

    def capped():
        draw = torch.Generator().manual_seed(seed)
        return find(rows, max_losers_per_winner=most, per_winner=per_winner, generator=draw)

    found, again = capped(), capped()
    assert all(map(torch.equal, found, again))
    kept = list(zip(*(x.tolist() for x in found[:3]), strict=True))
    assert kept == sorted(kept, key=every.index)
    for winner, tier in {(w, t) for w, _, t in every}:
        have = sum((w, t) == (winner, tier) for w, _, t in kept)
        assert have == min(most, sum((w, t) == (winner, tier) for w, _, t in every))


def test_a_cap_draws_every_loser_alike():
    # One winner, four losers, a cap of one: each is drawn in a quarter of 2,000 draws.
    rows, tier = batch([1, 0, 0, 0, 0]), [Tier("order", (1,), (0,))]
    draw = torch.Generator().manual_seed(0)
    drawn = torch.cat(
        [find(rows, tier, max_losers_per_winner=1, generator=draw).loser for _ in range(2000)]
    )
    assert drawn.bincount()[1:].tolist() == pytest.approx([500] * 4, abs=80)


# By hand


def test_three_leads_by_hand():
    # order, test drive, call: the order beats both, the test drive the call; all by `at least`.
    tiers = [Tier(">=2", (2,), (0, 1)), Tier(">=1", (1, 2), (0,))]
    assert pairs_of(batch([2, 1, 0]), tiers) == [(0, 1, 0), (0, 2, 0), (0, 2, 1), (1, 2, 1)]


def test_unknown_stage_and_immature_rows_are_in_no_pair():
    tier = [Tier("order", (1,), (0,))]
    assert pairs_of(batch([1, 0], stage_known=[True, False]), tier) == []
    assert pairs_of(batch([1, 0], mature=[False, True]), tier) == []


def test_a_row_of_unknown_stage_did_not_order():
    tier = [Tier("orders", (1,), (0,), loser_unknown=True)]
    rows = batch([1, 0, 0], stage_known=[True, False, True])
    assert pairs_of(rows, tier) == [(0, 1, 0), (0, 2, 0)]


def test_a_lead_is_never_paired_with_itself_on_another_day():
    assert pairs_of(batch([1, 0, 0], lead=[7, 7, 8]), [Tier("order", (1,), (0,))]) == [
        (0, 2, 0)
    ]


def test_losers_that_must_be_lost():
    rows = batch([1, 0, 0], lost=[False, True, False])
    assert pairs_of(rows, [Tier("order", (1,), (0,), loser_lost=True)]) == [(0, 1, 0)]


def test_a_soft_tier_splits_each_stage_at_the_threshold():
    # Stage 1 has 9 and 2 minutes, stage 0 has 5, 5 and an unknown number; threshold 4.
    rows = batch(
        [1, 1, 0, 0, 0], signal=[[9.0], [2.0], [5.0], [4.0], [0.0]],
        signal_known=[[True], [True], [True], [True], [False]],
    )  # fmt: skip
    assert pairs_of(rows, [Tier("soft", (0, 1), signal=0, threshold=4.0)]) == [
        (0, 1, 0), (2, 3, 0),
    ]  # fmt: skip


def test_margins_grow_with_the_gap():
    tiers = [Tier("deep", (3,), (0, 2), margin=0.5, margin_per_gap=0.25)]
    # 0.5 + 3 * 0.25 and 0.5 + 1 * 0.25
    assert find(batch([3, 0, 2]), tiers).margin.tolist() == [1.25, 0.75]


def test_scope_weights_by_hand():
    # The order's list holds one of the three losers; another has no list.
    tier = [Tier("order", (1,), (0,))]
    rows = batch([1, 0, 0, 0], group=[4, 4, 5, 4], group_known=[True, True, True, False])
    assert pairs_of(rows, tier, scope="group") == [(0, 1, 0)]
    both = find(rows, tier, scope="both", group_weight=2.0)
    assert both.weight.tolist() == [2.0, 1.0, 1.0]
    shared = find(rows, tier, scope="both", group_weight=2.0, per_winner=True)
    assert shared.weight.tolist() == [0.5, 0.25, 0.25]


def test_what_a_tier_or_a_scope_needs_is_asked_for():
    with pytest.raises(ValueError, match=r"tier 'soft' needs signal.*the scope 'group' needs"):
        find(batch([1, 0]), [Tier("soft", (0,), signal=0)], scope="group")


def test_no_tiers_and_no_rows_give_no_pairs():
    assert pairs_of(batch([1, 0]), []) == []
    empty = {key: column[:0] for key, column in random_batch(0, rows=3).items()}
    assert pairs_of(empty, TIERS, max_losers_per_winner=1, per_winner=True) == []


def test_indices_are_int64_whatever_the_options():
    rows = random_batch(1, rows=200)
    found = find(rows, scope="both", max_losers_per_winner=3, per_winner=True)
    assert {x.dtype for x in found[:3]} == {torch.int64}
    assert {x.dtype for x in found[3:]} == {torch.float32}
    assert len(found.winner) > 300
