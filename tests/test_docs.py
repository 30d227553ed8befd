"""Everything that README and the experiment files tell a user to run does run, in smoke form.

All fits share one process and one folder, and no command runs twice.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from safetensors import safe_open
from sklearn.metrics import average_precision_score, roc_auc_score

from leadrank.cli.abtest_sizes import world_settings
from leadrank.model.cpu_engine import cpu_engine, exact_products
from leadrank.world.dealership import Dealership
from leadrank.world.settings import WorldSettings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
MAKE_VARIABLES = ("MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS", "EXP", "DATA", "ARGS")
PREDICTIONS = [
    "row_id", "lead_id", "snapshot", "group", "label", "stage", "mature", "weight",
    "score", "probability", "rank", "rank_in_group",
]  # fmt: skip
METRICS = [
    "n", "positives", "auc", "average_precision", "ndcg", "ndcg_stage", "precision@0.1%",
    "precision@1%", "precision@5%", "precision@10%", "recall@5%", "lift@10%",
    "pair_accuracy", "ece", "brier",
]  # fmt: skip


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


COMMANDS = [line for block in _blocks("bash") for line in block.splitlines()]
EXPERIMENTS = sorted(p.stem for p in (ROOT / "experiments").glob("*.yaml") if p.stem != "base")
CRMS = sorted(p.stem for p in (ROOT / "experiments/data").glob("*.yaml"))


def _from_make(command: str) -> list[str]:
    """The words of the leadrank command that `make -n` prints for a make command."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    own = {key: value for key, value in os.environ.items() if key not in MAKE_VARIABLES}
    made = subprocess.run(
        ["make", "-n", *shlex.split(command)[1:]],
        cwd=ROOT, env=own, capture_output=True, text=True, check=True,
    )  # fmt: skip
    printed = made.stdout.replace("\\\n", " ").splitlines()
    (line,) = (line for line in printed if "bin/leadrank" in line)
    return shlex.split(line)[1:]


def _fit_words(experiment: str, data: str) -> list[str]:
    files = [f"experiments/{experiment}.yaml", f"experiments/data/{data}.yaml"]
    return ["fit", "--config", files[0], "--data.crm", files[1]]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where a user would stand: the experiments, and runs of our own."""
    folder = tmp_path_factory.mktemp("workshop")
    shutil.copytree(ROOT / "experiments", folder / "experiments")
    return folder


@pytest.fixture
def here(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(workshop)
    return workshop


@pytest.fixture(scope="module")
def done() -> dict[tuple[str, ...], Path]:
    """Runs by the words of their command."""
    return {}


@pytest.fixture
def smoke_fit(
    here: Path,
    done: dict[tuple[str, ...], Path],
    command_line: Callable[..., int],
    embedded_base: None,
) -> Callable[[list[str]], Path]:
    """Runs `leadrank fit ... --smoke` unless it ran; the run's folder."""

    def run(words: list[str]) -> Path:
        words = [word for word in words if word != "--smoke"]
        key = tuple(words)
        if key not in done:
            # One run has what W&B writes offline; the others save the time.
            quiet = ["--wandb.enabled=false"] if done else []
            assert command_line(*words, *quiet, "--smoke") == 0
            experiment = Path(words[words.index("--config") + 1]).stem
            crm = yaml.safe_load(Path(words[words.index("--data.crm") + 1]).read_text("utf-8"))
            done[key] = Path("runs", f"{experiment}-{crm['name']}", "latest").resolve()
        return done[key]

    return run


@pytest.fixture
def world_run(smoke_fit: Callable[[list[str]], Path]) -> Path:
    """What `make train ARGS=--smoke` leaves."""
    return smoke_fit(_fit_words("quickstart", "world"))


def _needs_data(crm: Path | str) -> None:
    """Skips where the tables of a CRM file are not at hand."""
    content = yaml.safe_load(Path(crm).read_text("utf-8"))
    if content["name"] == "world":
        return
    root = os.environ.get("LEADRANK_DATA")
    if root is None:
        pytest.skip("needs a public data set; set LEADRANK_DATA (docs/data.md)")
    for table in content["source"]["tables"].values():
        if not Path(root, table).is_file():
            pytest.skip(f"LEADRANK_DATA has no {table} (docs/data.md)")


# The README's commands


def test_the_readme_has_the_two_commands_first():
    assert COMMANDS[:2] == ["make train", "make test"]


def test_every_command_is_one_of_ours():
    assert {line.split()[0] for line in COMMANDS} <= {"make", "leadrank"}


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make")])
def test_make_knows_what_the_readme_asks_of_it(command):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    own = {key: value for key, value in os.environ.items() if key not in MAKE_VARIABLES}
    made = subprocess.run(
        ["make", "-n", *shlex.split(command)[1:]], cwd=ROOT, env=own, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make train")])
def test_a_training_of_the_readme_runs(command, smoke_fit):
    words = _from_make(command)
    _needs_data(words[words.index("--data.crm") + 1])
    if "gpu" in words and not torch.cuda.is_available():
        pytest.skip("needs a GPU and the model hub; its settings are checked by another test")
    assert (smoke_fit(words) / "report.html").is_file()


@pytest.mark.parametrize("command", [c for c in COMMANDS if " gpu" in c])
def test_the_settings_of_the_gpu_command_are_valid(command, here, command_line, capsys):
    with pytest.raises(SystemExit, match="0"):
        command_line(*_from_make(command), "--print_config")
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["model"]["encoder"]["base"] == "Qwen/Qwen2.5-1.5B"
    assert printed["trainer"]["accelerator"] == "gpu"


def _flags() -> list[str]:
    """Flags of `fit` that the text recommends outside of commands, with a value each."""
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.DOTALL | re.MULTILINE)
    return " ".join(re.findall(r"`(--\w+\.[^`]* [^`]*)`", prose)).split()


def test_the_flags_in_the_text_are_valid(here, command_line, capsys):
    assert len(_flags()) >= 10
    with pytest.raises(SystemExit, match="0"):
        command_line(*_fit_words("hpro", "world"), *_flags(), "--print_config")
    assert yaml.safe_load(capsys.readouterr().out)["model"]["encoder"]["layers"] is None


@pytest.mark.slow
def test_the_commands_on_a_finished_run_do(here, world_run, command_line, capsys):
    said = [c for c in COMMANDS if c.startswith("leadrank") and "quickstart-world" in c]
    assert len(said) == 2
    for command in said:
        assert command_line(*shlex.split(command)[1:]) == 0, capsys.readouterr()
    assert "largest difference of a score" in capsys.readouterr().out


@pytest.mark.slow
def test_your_own_crm_in_five_minutes(
    small_crm, smoke_fit, here, monkeypatch, command_line, capsys
):
    """The README's story with the small CRM as the reader's table."""
    monkeypatch.delenv("LEADRANK_DATA", raising=False)
    shutil.copy(small_crm.root / "leads.csv", here)
    new = small_crm._replace(root=here)
    for command in (c for c in COMMANDS if "leads" in c or "crm.yaml" in c):
        words = shlex.split(command)[1:]
        if words[0] == "fit":
            smoke_fit(words)
            continue
        if words[0] == "score":
            rows = new.rows()
            new.write([{k: row[k] for k in row if k != "ordered"} for row in rows])
            (here / "leads.csv").rename(here / "new.csv")
        assert command_line(*words) == 0, capsys.readouterr()
        if words[0] == "init":
            draft = (here / "crm.yaml").read_text("utf-8")
            (here / "crm.yaml").write_text(draft.replace("confirmed: false", "confirmed: true"))
    calls = pl.read_csv(here / "calls.csv")
    assert calls.height == 240
    assert calls["rank"].to_list() == list(range(1, 241))


@pytest.mark.slow
@pytest.mark.parametrize("block", _blocks("python"), ids=lambda block: block.split()[1])
def test_a_python_example_runs(block, here, world_run, capsys):
    exec(compile(block, "README.md", "exec"), {})
    if "0.6931" in block:
        assert "0.6931" in capsys.readouterr().out


# The experiment files


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_says_its_question_command_and_expectation(name):
    text = (ROOT / f"experiments/{name}.yaml").read_text("utf-8")
    assert [line.split()[1] for line in text.splitlines()[:3]] == [
        "Question:", "Command:", "Expected:",
    ]  # fmt: skip
    assert f"| `{name}` |" in README


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_runs_on_the_world(name, smoke_fit):
    # The paper's own base needs a model hub; its file says how to do without.
    run = smoke_fit([*_fit_words(name, "world"), "--model.encoder.base", "smollm2-135m"])
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["experiment"] == name
    read, usable = metrics["trial"]
    assert read <= 64 < usable
    assert "A trial on" in (run / "report.html").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CRMS if name != "nev_crm"])
def test_a_crm_file_trains(name, smoke_fit):
    _needs_data(ROOT / f"experiments/data/{name}.yaml")
    run = smoke_fit(_fit_words("quickstart", name))
    assert json.loads((run / "metrics.json").read_text())["data"] == name


def test_the_one_row_of_hpro_is_checked(command_line, capsys):
    """It has one row, so nothing can be trained on it."""
    _needs_data(ROOT / "experiments/data/nev_crm.yaml")
    assert command_line("check", ROOT / "experiments/data/nev_crm.yaml") == 0
    assert re.search(r"rows kept +1\n", capsys.readouterr().out)


# The run folder


@pytest.mark.slow
def test_a_run_folder_has_what_the_readme_says(world_run):
    listed = re.findall(r"^\| `([\w./]+)` \|", README, re.MULTILINE)
    promised = [name for name in listed if "." in name or name.endswith("/")]
    assert len(promised) == 8
    for name in [*promised, "rivals.parquet"]:
        assert (world_run / name).exists(), name
    assert not (world_run / "UNFINISHED").exists()


@pytest.mark.slow
def test_metrics_json_has_the_contracts_keys(world_run):
    metrics = json.loads((world_run / "metrics.json").read_text("utf-8"))
    head = ["experiment", "data", "seed", "git", "data_fingerprint", "selected", "seconds"]
    assert set(head) <= set(metrics)
    assert metrics["selected"] in ("probe", "funnel_probe", "finetuned")
    for block in ("test", "probe", "lightgbm", "validation"):
        assert set(METRICS) <= set(metrics[block]), block
    for name in METRICS[2:]:
        low, high = metrics["test_ci"][name]
        assert low <= high, name
    low, high = metrics["test_ci"]["auc"]
    assert low <= metrics["test"]["auc"] <= high


@pytest.mark.slow
def test_metrics_json_agrees_with_scikit_learn(world_run):
    test = json.loads((world_run / "metrics.json").read_text("utf-8"))["test"]
    rows = pl.read_parquet(world_run / "predictions.parquet")
    label, score, weight = (rows[name].to_numpy() for name in ("label", "score", "weight"))
    assert test["n"] == len(rows)
    assert test["positives"] == label.sum()
    assert test["auc"] == pytest.approx(
        roc_auc_score(label, score, sample_weight=weight), abs=1e-6
    )
    assert test["average_precision"] == pytest.approx(
        average_precision_score(label, score, sample_weight=weight), abs=1e-4
    )


@pytest.mark.slow
def test_predictions_and_call_list_follow_the_contract(world_run):
    rows = pl.read_parquet(world_run / "predictions.parquet")
    assert rows.columns == PREDICTIONS
    assert sorted(rows["rank"]) == list(range(1, len(rows) + 1))
    assert rows.sort("rank")["score"].is_sorted(descending=True)
    calls = pl.read_csv(world_run / "call_list.csv")
    assert calls["lead_id"].n_unique() == len(calls) == rows["lead_id"].n_unique()


@pytest.mark.slow
def test_the_model_folder_holds_no_pickle_and_no_base(world_run):
    files = sorted(path.name for path in (world_run / "model").rglob("*"))
    assert {Path(name).suffix for name in files} == {".json", ".safetensors", ".yaml"}
    with safe_open(world_run / "model/weights.safetensors", "pt") as weights:
        names = list(weights.keys())
    assert all(name.startswith("head.") or "lora_" in name for name in names)


@pytest.mark.slow
def test_a_checkpoint_holds_what_training_changes_and_the_optimiser(world_run):
    kept = torch.load(world_run / "checkpoints/last.ckpt", weights_only=True)
    assert kept["optimizer_states"]
    names = list(kept["state_dict"])
    assert all(name.startswith("model.head.") or "lora_" in name for name in names)


@pytest.mark.slow
def test_no_logger_gets_a_customers_text(world_run):
    from leadrank.model.base_model import cache_folder

    assert list((world_run / "wandb").glob("offline-run-*"))
    texts = pl.read_parquet(cache_folder() / "world/calls.parquet")["text"].unique()
    said = [text.encode() for text in texts.sort().to_list() if len(text) > 40]
    assert said
    for path in [world_run / "metrics.csv", *(world_run / "wandb").rglob("*")]:
        if path.is_file():
            content = path.read_bytes()
            assert not any(text in content for text in said), path


# The run as a policy


@pytest.mark.slow
def test_a_run_of_the_world_scores_a_morning_of_another_dealership(world_run):
    from leadrank.cli.abtest_policies import RunPolicy

    leads = 120
    world = Dealership(WorldSettings(leads, days=5, warm_up=20), 1, snapshots=False)
    policy = RunPolicy(world_run, leads=leads, base=None)
    view = world.open_leads()
    first = policy(view)
    assert policy.scored == len(view) > 50
    assert policy.unusable == 0
    assert len(set(first)) > 0.9 * len(view)
    # The second call reads only the leads with a record of yesterday, and to the same score.
    np.testing.assert_allclose(policy(view), first, atol=1e-3)
    assert policy.scored == len(view) + view.changed.sum()


@pytest.mark.slow
@pytest.mark.skipif(not exact_products(), reason="this CPU has no exact int8 products")
def test_a_rehearsed_test_with_a_run_goes_to_its_end(
    world_run, command_line, capsys, tmp_path, monkeypatch
):
    def willing(chosen):  # so few leads would order nothing else
        return replace(world_settings(chosen), order_base=-4.0)

    engines = []

    def recorded(model, engine):
        engines.append(engine)
        return cpu_engine(model, engine)

    monkeypatch.setattr("leadrank.cli.abtest_simulate.world_settings", willing)
    monkeypatch.setattr("leadrank.scoring.saved_model.cpu_engine", recorded)
    words = ["--stores", "2", "--days", "4", "--before", "5", "--leads-per-rep", "0.2",
             "--replays", "10", "--seed", "4", "--engine", "int8"]  # fmt: skip
    names = ["--treatment", str(world_run), "--control", "recency"]
    picture = tmp_path / "curves.png"
    assert command_line("abtest", "simulate", *names, *words, "--out", str(picture)) == 0
    printed = capsys.readouterr().out
    read = re.search(r"treatment: (\d+) readings in [\d.]+ minutes, 0 unusable", printed)
    assert read
    assert int(read[1]) > 20
    assert engines == ["int8", "int8"]  # once on trial, once in the test
    assert "against recency, seed 4" in printed
    assert re.search(r"all reps on recency: [1-9]", printed)
    assert picture.is_file()


# The pages


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md", "docs/data.md"])
def test_what_a_page_links_to_is_there(page):
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), target


def test_the_architecture_page_names_every_package_and_module():
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    package = ROOT / "src/leadrank"
    modules = [
        path.relative_to(package).as_posix()
        for path in sorted(package.rglob("*.py"))
        # Of compared systems the folder is named: a new one touches one file.
        if path.name != "__init__.py" and path.parent.name != "systems"
    ]
    missing = [
        module for module in modules if f"`{module}`" not in text and not _in_row(module, text)
    ]
    assert missing == []


def _in_row(module: str, text: str) -> Any:
    """Whether a package's section names the module by its stem."""
    package, _, name = module.rpartition("/")
    section = re.search(rf"^### `{package}/`.*?(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
    return section and f"`{name.removesuffix('.py')}`" in section[0]
