"""The processes of one machine that share a piece of work and its disk.

By the machine's name and not by `LOCAL_RANK`, which not every launcher sets.
"""

import platform
from collections.abc import Callable
from typing import TypeVar

import torch.distributed as dist

T = TypeVar("T")


class Team:
    """This process among those of its machine, `number` of `count`; number 0 leads.

    All ranks, of all machines, must take the same steps: each step waits for all of them.

    Args:
        together: false, or no process group: this process alone.
    """

    def __init__(self, together: bool = False) -> None:
        self._together = together and dist.is_available() and dist.is_initialized()
        machines = self._gather(platform.node())
        rank = dist.get_rank() if self._together else 0
        mates = [mate for mate, machine in enumerate(machines) if machine == machines[rank]]
        self._leader = mates[0]
        self.number, self.count = mates.index(rank), len(mates)

    def do(self, work: Callable[[], T]) -> T:
        """Does `work` on every process; when one fails all do, and none waits for ever."""
        failure: Exception | None = None
        try:
            done = work()
        except Exception as error:
            failure = error
        failed = self._gather(failure is not None)
        if failure is not None:
            raise failure
        if any(failed):
            ranks = [rank for rank, value in enumerate(failed) if value]
            raise RuntimeError(f"rank {ranks} failed; its own message says why")
        return done

    def lead(self, work: Callable[[], T]) -> T:
        """What `work` gives on this machine's leader; the others wait for it."""
        found = self.do(lambda: work() if self.number == 0 else None)
        led = self._gather(found)[self._leader]
        return led  # type: ignore[return-value]

    def _gather(self, value: T) -> list[T]:
        """The value of every rank."""
        if not self._together:
            return [value]
        values: list = [None] * dist.get_world_size()
        dist.all_gather_object(values, value)
        return values
