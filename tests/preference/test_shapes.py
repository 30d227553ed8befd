"""Shapes in signatures hold in tests, whatever imports leadrank first."""

import importlib

import pytest
import torch
from jaxtyping import TypeCheckError

from leadrank.preference.order_metrics import auc


@pytest.mark.parametrize("name", ["losses", "metrics", "pairs", "intervals"])
def test_module_is_loaded_with_its_shapes_checked(name: str) -> None:
    loader = importlib.import_module(f"leadrank.preference.{name}").__loader__
    assert type(loader).__module__.startswith("jaxtyping")


def test_wrong_shape_is_refused() -> None:
    one_row_more = torch.zeros(3, dtype=torch.float64)
    two = one_row_more[:2]
    with pytest.raises(TypeCheckError):
        auc(one_row_more, two, two)
