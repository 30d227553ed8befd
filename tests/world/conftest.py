"""One small dealership and its folder, made once."""

from pathlib import Path

import pytest

from leadrank.world.dealership import Dealership
from leadrank.world.export import write_world
from leadrank.world.policies import habit
from leadrank.world.settings import WorldSettings

SMALL = WorldSettings(leads=4000, days=90)


@pytest.fixture(scope="session")
def dealership() -> Dealership:
    return Dealership(SMALL, seed=5).run(SMALL.days, habit)


@pytest.fixture(scope="session")
def folder(dealership: Dealership, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dealership")
    write_world(dealership, out)
    return out
