"""The funnel: what the floors above must know about somebody's stages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Funnel:
    """The ordered stages of a CRM, shallow first; the last one is the order.

    `stages`: names; `has_lost`: whether the CRM records lost leads; `horizon_days`: days after
    the snapshot in which a stage counts, None when the table already covers each whole horizon;
    `soft_signals`: columns that order leads of one stage; `has_groups`: whether leads compete
    in lists; `order_is_timed`: whether it is known when an order came and how long each row was
    followed.
    """

    stages: tuple[str, ...]
    has_lost: bool
    horizon_days: int | None
    soft_signals: tuple[str, ...] = ()
    has_groups: bool = False
    order_is_timed: bool = False
