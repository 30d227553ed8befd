"""Times calls side by side: in turn, several times, so that a busy minute hits all of them."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import torch


def side_by_side(calls: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Median seconds of each call over so many rounds; every other one in opposite order."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats):
        for name in list(calls)[:: 1 if turn % 2 == 0 else -1]:
            seconds[name].append(timed(calls[name])[0])
    return {name: median(each) for name, each in seconds.items()}


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of one call, and what it gave; a GPU's work is waited for."""
    wait()
    start = time.perf_counter()
    given = call()
    wait()
    return time.perf_counter() - start, given


def wait() -> None:
    """Until a GPU, where there is one, has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
