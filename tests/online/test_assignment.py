"""Who is treated: reproducible, balanced, and each unit as likely as any other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadrank.errors import UserError
from leadrank.online import assign

UNITS = tuple(f"rep {i}" for i in range(41))
STRATA = tuple("north" if i < 11 else "south" for i in range(41))


def test_the_order_of_the_table_does_not_matter() -> None:
    treated = dict(zip(UNITS, assign(UNITS, STRATA, salt="a"), strict=True))
    back = dict(zip(UNITS[::-1], assign(UNITS[::-1], STRATA[::-1], salt="a"), strict=True))
    assert treated == back


def test_an_assignment_of_today_is_the_assignment_of_tomorrow() -> None:
    found = assign(("a", "b", "c", "d", "e", "f"), ("x",) * 6, salt="spring")
    assert found.tolist() == PINNED


PINNED = [True, True, False, False, True, False]  # by sha256, by hand


@given(st.text(min_size=1), st.floats(0.1, 0.9))
def test_every_stratum_has_its_share_within_one(salt: str, share: float) -> None:
    treated = assign(UNITS, STRATA, salt=salt, share=share)
    for stratum in ("north", "south"):
        here = np.array(STRATA) == stratum
        assert abs(treated[here].sum() - share * here.sum()) < 1 + 1e-9
    assert abs(treated.sum() - share * 41) < 1 + 1e-9


def test_each_unit_is_treated_as_often_as_the_share_says() -> None:
    drawn = np.mean(
        [assign(UNITS, STRATA, salt=str(k), share=0.4) for k in range(2000)], axis=0
    )
    # 41 units: 4.5 standard errors of a share of 0.4.
    assert np.abs(drawn - 0.4).max() < 4.5 * np.sqrt(0.24 / 2000)


@pytest.mark.parametrize(
    ("units", "share", "message"),
    [(("a", "a", "b"), 0.5, "given twice: a"), (("a", "b"), 1.0, "above 0, below 1"),
     (("a", "b"), 0.01, "leaves an arm empty")],
)  # fmt: skip
def test_what_is_no_assignment_is_refused(units: tuple, share: float, message: str) -> None:
    with pytest.raises(UserError, match=message):
        assign(units, ("x",) * len(units), salt="b", share=share)
