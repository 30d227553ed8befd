import torch
from slow_preference import TIERS, random_batch, slow_pairs

from leadrank.preference import Tier, preference_pairs

COLUMNS = ("stage", "stage_known", "lost", "mature", "lead")


def pairs_of(batch, tiers):
    found = preference_pairs(*(batch[key] for key in COLUMNS), tiers=tiers)
    return list(zip(*(x.tolist() for x in found), strict=True))


def batch(stage, **columns):
    n = len(stage)
    return {
        "stage": torch.tensor(stage),
        "stage_known": torch.ones(n, dtype=torch.bool),
        "lost": torch.zeros(n, dtype=torch.bool),
        "mature": torch.ones(n, dtype=torch.bool),
        "lead": torch.arange(n),
    } | {key: torch.tensor(value) for key, value in columns.items()}


def test_equals_the_slow_definition_in_its_order():
    for seed in range(1000):
        rows = random_batch(seed)
        assert pairs_of(rows, TIERS) == slow_pairs(rows, TIERS), seed


def test_the_random_batches_hold_pairs_of_every_tier():
    tiers = {t for seed in range(1000) for *_, t in slow_pairs(random_batch(seed), TIERS)}
    assert tiers == {0, 1, 2}


def test_three_leads_by_hand():
    # order, test drive, call: the order beats both, the test drive the call; all by `at least`.
    tiers = [Tier(">=2", (2,), (0, 1)), Tier(">=1", (1, 2), (0,))]
    assert pairs_of(batch([2, 1, 0]), tiers) == [(0, 1, 0), (0, 2, 0), (0, 2, 1), (1, 2, 1)]


def test_unknown_stage_and_immature_rows_are_in_no_pair():
    tier = [Tier("order", (1,), (0,))]
    assert pairs_of(batch([1, 0], stage_known=[True, False]), tier) == []
    assert pairs_of(batch([1, 0], mature=[False, True]), tier) == []


def test_a_lead_is_never_paired_with_itself_on_another_day():
    assert pairs_of(batch([1, 0, 0], lead=[7, 7, 8]), [Tier("order", (1,), (0,))]) == [
        (0, 2, 0)
    ]


def test_losers_that_must_be_lost():
    rows = batch([1, 0, 0], lost=[False, True, False])
    assert pairs_of(rows, [Tier("order", (1,), (0,), loser_lost=True)]) == [(0, 1, 0)]


def test_no_tiers_and_no_rows_give_no_pairs():
    assert pairs_of(batch([1, 0]), []) == []
    assert pairs_of(random_batch(0, rows=0) | {}, TIERS) == slow_pairs(random_batch(0), TIERS)


def test_pairs_are_int64_and_antisymmetric_within_a_tier():
    rows = random_batch(1, rows=200)
    pairs = preference_pairs(*(rows[key] for key in COLUMNS), tiers=TIERS)
    assert {x.dtype for x in pairs} == {torch.int64}
    seen = set(zip(*(x.tolist() for x in pairs), strict=True))
    assert len(seen) == len(pairs.winner) > 1000
    assert not any((lo, w, t) in seen for w, lo, t in seen)
