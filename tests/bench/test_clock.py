"""Calls are timed in turn, in both orders."""

from leadrank.bench.clock import side_by_side


def test_every_call_has_its_turn_in_each_round():
    turns = []
    took = side_by_side({name: lambda name=name: turns.append(name) for name in "ab"}, 3)
    assert turns == ["a", "b", "b", "a", "a", "b"]
    assert took.keys() == {"a", "b"}
    assert min(took.values()) >= 0
