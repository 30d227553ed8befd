"""The sampler: what every batch holds, how often each row comes, and that rates undo it."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadrank.errors import UserError
from leadrank.training.sampler import SamplerSettings, StageSampler, plan_epoch
from leadrank.training.sampler import _spread as spread


@st.composite
def tables(draw):
    """Lengths, labels and strata of a small table; orders are one stratum, as in `LeadRows`."""
    orders, others = draw(st.integers(1, 20)), draw(st.integers(1, 150))
    chance = np.random.default_rng(draw(st.integers(0, 1000)))
    label = chance.permutation(np.repeat([1, 0], [orders, others]))
    stratum = np.where(label == 1, 9, chance.integers(0, 4, len(label)))
    return np.ceil(chance.lognormal(4, 1, len(label))).astype(int), label, stratum


chosen = st.builds(
    SamplerSettings,
    batch_size=st.integers(4, 40),
    orders_per_batch=st.integers(1, 3),
    negatives_per_order=st.one_of(st.none(), st.floats(0.5, 8)),
    stage_balance=st.floats(0.01, 1),
)


def sampler(table, settings, **more):
    return StageSampler(*table, settings=settings, **more)


@settings(deadline=None)
@given(table=tables(), settings_=chosen, epoch=st.integers(0, 3))
def test_what_an_epoch_holds(table, settings_, epoch):
    _, label, stratum = table
    found = sampler(table, settings_)
    found.set_epoch(epoch)
    batches, plan = found.batches(), found.plan
    drawn = np.bincount(np.concatenate(batches), minlength=len(label))
    assert len(batches) == plan.num_batches
    # Every batch holds orders enough; every order is drawn `passes` times.
    assert min(label[rows].sum() for rows in batches) >= settings_.orders_per_batch
    assert set(drawn[label == 1]) == {plan.passes}
    # Non-orders are drawn without replacement, as many as planned.
    assert drawn[label == 0].max() <= 1
    assert drawn[label == 0].sum() == plan.negatives
    # A row of every stratum that has as many rows as there are batches.
    for value in np.unique(stratum[drawn > 0]):
        counts = [int((stratum[rows] == value).sum()) for rows in batches]
        assert min(counts) >= min(1, sum(counts) // len(batches))
    # Batches are of a size, but for what each stratum rounds.
    sizes = [len(rows) for rows in batches]
    assert max(sizes) - min(sizes) <= 2 * len(np.unique(stratum))


@settings(deadline=None)
@given(table=tables(), settings_=chosen)
def test_balance_of_1_deals_each_stratum_evenly(table, settings_):
    batches = sampler(table, replace(settings_, stage_balance=1.0)).batches()
    for value in np.unique(table[2]):
        counts = [int((table[2][rows] == value).sum()) for rows in batches]
        assert max(counts) - min(counts) <= 1


@settings(deadline=None, max_examples=300)
@given(table=tables(), settings_=chosen, seed=st.integers(0, 9))
def test_no_batch_holds_a_row_twice_where_there_are_batches_enough(table, settings_, seed):
    found = sampler(table, settings_, seed=seed)
    batches, plan = found.batches(), found.plan
    copies = max(int(np.bincount(rows).max()) for rows in batches)
    # With fewer batches than passes it cannot be helped: each batch gets as few as it can.
    assert copies == -(-plan.passes // plan.num_batches)


@settings(deadline=None, max_examples=300)
@given(orders=st.integers(1, 30), passes=st.integers(1, 9), num_batches=st.integers(1, 40))
def test_copies_stay_as_near_their_length_as_they_can(orders, passes, num_batches):
    """Slots of ascending length: each stays in its window, and the batches stay even."""
    slots = orders * passes
    place = np.arange(slots) * num_batches // slots
    found = spread(place, passes, num_batches)
    windows = max(1, num_batches // passes)
    edges = [k * num_batches // windows for k in range(windows + 1)]
    for before, after in zip(place, found, strict=True):
        assert any(a <= before < b and a <= after < b for a, b in itertools.pairwise(edges))
    counts = np.bincount(found, minlength=num_batches)
    assert counts.max() - counts.min() <= 1
    # A window is no wider than it must be.
    assert max(np.diff(edges)) < 2 * passes or windows == 1


def test_three_orders_three_times_over_seven_batches():
    """7 // 3 = 2 windows of 3 and 4 batches; by length alone 0 0 1 2 3 4 5 5 6 would meet."""
    place = np.array([0, 0, 1, 2, 3, 4, 5, 5, 6])
    # Window 0-2 holds four slots: 0 1 2 0. Window 3-6 holds five: 3 4 5 6 3.
    assert spread(place, 3, 7).tolist() == [0, 1, 2, 0, 3, 4, 5, 6, 3]


@settings(deadline=None)
@given(table=tables(), settings_=chosen, world_size=st.integers(1, 4))
def test_ranks_share_the_batches_out_and_make_as_many_steps(table, settings_, world_size):
    whole = sampler(table, settings_).batches()
    ranks = [
        list(sampler(table, settings_, rank=rank, world_size=world_size))
        for rank in range(world_size)
    ]
    assert {len(batches) for batches in ranks} == {-(-len(whole) // world_size)}
    in_turn = [tuple(rows) for turn in zip(*ranks, strict=True) for rows in turn]
    # In turn they give every batch once; only to even out the last turn some come again.
    assert in_turn[: len(whole)] == [tuple(rows) for rows in whole]
    assert set(in_turn) == {tuple(rows) for rows in whole}


def skewed(rows=600, orders=24):
    """Long texts are rarer among orders, and orders are rare."""
    chance = np.random.default_rng(0)
    label = (np.arange(rows) < orders).astype(int)
    length = np.ceil(chance.lognormal(4, 1, rows)).astype(int)
    return length, label, np.where(label == 1, 9, chance.integers(0, 3, rows))


def test_the_plan_of_24_orders_among_600_rows():
    """3 negatives an order: 24 + 72 rows in batches of 16 are 6; 24 orders give each 4."""
    label = skewed()[1]
    plan = plan_epoch(label, SamplerSettings(16, 2, negatives_per_order=3))
    assert (plan.negatives, plan.num_batches, plan.passes) == (72, 6, 1)
    assert set(plan.rate[label == 1]) == {1.0}
    assert plan.rate[label == 0] == pytest.approx(72 / 576)
    # All 576: 600 / 16 = 37.5 -> 38 batches, two orders each are 76: 24 orders four times.
    everything = plan_epoch(label, SamplerSettings(16, 2))
    assert (everything.negatives, everything.num_batches, everything.passes) == (576, 38, 4)
    assert set(everything.rate) == {4.0, 1.0}


copied = st.builds(
    SamplerSettings,
    batch_size=st.integers(4, 40),
    orders_per_batch=st.integers(1, 3),
    order_copies=st.integers(1, 12),
)


@settings(deadline=None)
@given(table=tables(), settings_=copied, epoch=st.integers(0, 3))
def test_batches_of_copies_are_orders_and_the_rest_until_one_runs_out(table, settings_, epoch):
    _, label, _ = table
    found = sampler(table, settings_)
    found.set_epoch(epoch)
    batches = found.batches()
    drawn = np.bincount(np.concatenate(batches), minlength=len(label))
    orders, rest = settings_.orders_per_batch, settings_.batch_size - settings_.orders_per_batch
    pool, others = settings_.order_copies * (label == 1).sum(), (label == 0).sum()
    assert drawn[label == 1].max() <= settings_.order_copies
    assert drawn[label == 0].max() <= 1
    if pool < orders or others < rest:  # not one whole batch: what there is
        assert len(batches) == 1
        return
    assert len(batches) == min(pool // orders, others // rest)
    assert {label[rows].sum() for rows in batches} == {orders}
    assert drawn[label == 0].sum() == len(batches) * rest


def test_ten_copies_of_each_order_are_another_epoch():
    """24 orders among 600 rows, batches of 1 and 31: 576 // 31 = 18 batches, not 240.

    So an order comes 18 / 24 times on average, and at most 10 times; a non-order 558 / 576.
    """
    label = skewed()[1]
    released = SamplerSettings(32, 1, order_copies=10)
    plan = plan_epoch(label, released)
    assert (plan.num_batches, plan.orders, plan.negatives) == (18, 18, 558)
    assert set(plan.rate[label == 1]) == {18 / 24}
    assert plan.rate[label == 0] == pytest.approx(558 / 576)
    # Once each over 744 non-orders, of which there are 576: 19 batches, one or two orders.
    plain = plan_epoch(label, SamplerSettings(32, 1, negatives_per_order=31))
    assert (plain.num_batches, plain.orders, plain.negatives) == (19, 24, 576)
    # With four orders, the copies run out first: 40 batches of the 50 that 1,576 others make.
    few = plan_epoch(np.repeat([1, 0], [4, 1576]), released)
    assert (few.num_batches, few.orders, few.negatives) == (40, 40, 40 * 31)


def test_copies_that_leave_no_room_or_ask_twice_are_refused():
    with pytest.raises(UserError, match=r"(?s)negatives_per_order: 3.*drop it.*no room"):
        SamplerSettings(2, 2, negatives_per_order=3, order_copies=10)


@pytest.mark.parametrize("label", [[0, 0], [1, 1]])
def test_one_class_alone_is_refused(label):
    with pytest.raises(ValueError, match="both orders and non-orders"):
        plan_epoch(np.array(label), SamplerSettings())


@pytest.mark.parametrize(
    "settings_",
    [SamplerSettings(16, 2, negatives_per_order=3), SamplerSettings(32, 1, order_copies=10)],
    ids=["negatives", "copies"],
)
def test_the_rate_is_the_mean_number_of_draws(settings_):
    table = skewed()
    found, epochs = sampler(table, settings_), 600
    drawn = np.zeros(len(table[1]))
    for epoch in range(epochs):
        found.set_epoch(epoch)
        drawn += np.bincount(np.concatenate(found.batches()), minlength=len(drawn))
    rate = found.plan.rate
    # Five standard errors of a share p of 600 draws; a few copies of one come by chance.
    error = 5 * np.sqrt(rate * np.maximum(1 - rate, found.plan.passes > 1) / epochs)
    assert np.all(np.abs(drawn / epochs - rate) <= error + 1e-12)


def test_the_inverse_rate_gives_back_the_tables_own_mean():
    length, label, stratum = skewed()
    weight = np.random.default_rng(1).uniform(0.5, 5, len(label))
    found = sampler((length, label, stratum), SamplerSettings(16, 2, negatives_per_order=3))
    means = {"label": [], "length": []}
    for epoch in range(400):
        found.set_epoch(epoch)
        rows = np.concatenate(found.batches())
        share = weight[rows] / found.plan.rate[rows]
        means["label"].append(np.average(label[rows], weights=share))
        means["length"].append(np.average(length[rows], weights=share))
    for name, column in (("label", label), ("length", length)):
        expected = np.average(column, weights=weight)
        assert np.mean(means[name]) == pytest.approx(expected, rel=0.02)
    # Without it the label's mean would be 24 / 96 and not 24 / 600.
    assert label[rows].mean() == 0.25


def test_a_seed_fixes_the_batches_and_epochs_differ():
    table, settings_ = skewed(), SamplerSettings(16, 2, negatives_per_order=3)

    def batches(seed, epoch):
        found = sampler(table, settings_, seed=seed)
        found.set_epoch(epoch)
        return [tuple(rows) for rows in found]

    assert batches(0, 1) == batches(0, 1)
    assert batches(0, 1) != batches(0, 2)
    assert batches(0, 1) != batches(1, 1)


def test_skewed_lengths_cost_little_padding():
    """Prompts are cut at 192 tokens; shuffled, half of a batch would be padding."""
    length, *rest = skewed()
    length = np.minimum(length, 192)
    found = sampler((length, *rest), SamplerSettings(16, 2))

    def padding(batches):
        padded = sum(len(rows) * length[rows].max() for rows in batches)
        return 1 - sum(length[rows].sum() for rows in batches) / padded

    assert padding(found.batches()) < 0.25
    shuffled = np.random.default_rng(0).permutation(len(length))
    assert padding(np.array_split(shuffled, 38)) > 0.5


def test_less_balance_and_jitter_trade_even_stages_for_less_padding():
    """Orders of twice the length: dealt evenly, every batch holds both lengths."""
    random = np.random.default_rng(0)
    label = (np.arange(2_000) % 4 == 0).astype(np.int64)
    length = random.integers(20, 100, 2_000) * (1 + label)
    even = SamplerSettings(32, 2, stage_balance=1.0, length_jitter=0.1)
    padding, fewest, rows = [], [], []
    for settings_ in (even, SamplerSettings(32, 2)):
        batches = sampler((length, label, label), settings_).batches()
        padded = sum(len(b) * length[b].max() for b in batches)
        padding.append(1 - sum(length[b].sum() for b in batches) / padded)
        fewest.append(min(label[b].sum() for b in batches))
        rows.append(np.sort(np.concatenate(batches)))
    assert padding[1] < 0.6 * padding[0]
    # Dealt evenly, 500 orders over 62 batches are 8 or 9; a quarter of 8.06 is 2 for sure.
    assert fewest == [8, 2]
    assert (rows[0] == np.arange(2_000)).all()
    assert (rows[1] == np.arange(2_000)).all()
