"""What is missing is run, what is there is kept, and what is of something else is refused."""

import json

import duckdb
import numpy as np
import polars as pl
import pytest
from compared import by_visits, system

from leadrank.compare.comparison import Comparison
from leadrank.compare.engine import Engine
from leadrank.compare.lora_run import take_run
from leadrank.compare.results import KEPT, read_result
from leadrank.compare.study import Scored, open_study
from leadrank.compare.systems import load_systems, system_names
from leadrank.errors import UserError
from leadrank.funnel.source_errors import explained
from leadrank.model.encoder_settings import EncoderSettings
from leadrank.scoring.calibration import Calibration

pytestmark = pytest.mark.usefixtures("embedded_base")


@pytest.fixture
def engine_of(small_crm, data_of, tmp_path):
    def build():
        encoder = EncoderSettings(layers=2, adapt="none")
        study, test = open_study(data_of(small_crm), encoder)
        return Engine(Comparison(study, test, tmp_path / "out"), lambda line: None)

    return build


class Counted:
    """A system that notes its seeds, and fails once at one of them."""

    def __init__(self, fails_at=None):
        self.seeds, self.fails_at = [], fails_at

    def __call__(self, study, seed):
        if seed == self.fails_at:
            raise KeyboardInterrupt
        self.seeds.append(seed)
        return by_visits(study, seed)


def test_a_result_has_the_test_rows_with_their_own_outcomes(engine_of, small_crm):
    engine = engine_of()
    engine.run({"visits": system(seeds=2)})
    (result,) = engine.results()
    assert result.seeds == [0, 1]
    source = pl.DataFrame(small_crm.rows())
    for seed in result.seeds:
        rows = result.scores.filter(seed=seed)
        own = source[rows["row_id"].to_list()]
        assert own["lead"].to_list() == rows["lead_id"].to_list()
        assert own["ordered"].cast(pl.Int8).to_list() == rows["label"].to_list()
        visits = own["visits"].cast(pl.Float32).to_numpy()
        np.testing.assert_allclose(rows["score"], visits + np.float32(0.01 * seed), rtol=1e-6)
        # The calibrator is monotone, and was fitted on other rows.
        order = rows.sort("score")
        assert (order["probability"].diff().drop_nulls() >= 0).all()
        slope, intercept = result.record["runs"][seed]["calibration"]
        logit = slope * rows["score"].cast(pl.Float64) + intercept
        np.testing.assert_allclose(rows["probability"], 1 / (1 + np.exp(-logit.to_numpy())))
    assert result.record["runs"][1]["chosen"] == {"seed": 1}


def test_an_interrupted_comparison_goes_on_where_it_was_cut_off(engine_of):
    cut, rest = Counted(fails_at=2), Counted()
    with pytest.raises(KeyboardInterrupt):
        engine_of().run({"visits": system(cut, seeds=4)})
    assert cut.seeds == [0, 1]
    again = engine_of()
    again.run({"visits": system(rest, seeds=4)})
    assert rest.seeds == [2, 3]
    assert again.results()[0].seeds == [0, 1, 2, 3]
    again.run({"visits": system(rest, seeds=4)})
    assert rest.seeds == [2, 3]


def test_more_seeds_are_added_to_those_that_are_there(engine_of):
    counted = Counted()
    engine_of().run({"visits": system(counted, seeds=5)}, seeds=1)
    engine_of().run({"visits": system(counted, seeds=5)}, seeds=3)
    assert counted.seeds == [0, 1, 2]


def test_other_settings_are_refused_before_anything_runs_and_again_runs_anew(engine_of):
    engine_of().run({"visits": system(rate=1)})
    counted = Counted()
    changed = {"other": system(counted), "visits": system(counted, rate=2)}
    with pytest.raises(
        UserError, match=r"visits: made with other settings \(rate\)(.|\n)*--again"
    ):
        engine_of().run(changed)
    assert counted.seeds == []
    engine = engine_of()
    engine.run(changed, again=["visits"])
    assert counted.seeds == [0, 0]
    assert [one.record["settings"].get("rate") for one in engine.results()] == [None, 2]
    assert engine.results()[1].seeds == [0]


def test_other_data_are_refused(engine_of, small_crm):
    engine_of().run({"visits": system()})
    small_crm.write([{**row, "visits": "9"} for row in small_crm.rows()])
    with pytest.raises(UserError, match="visits: made on other data"):
        engine_of().run({"visits": system()})


def test_a_result_of_other_settings_that_was_not_asked_for_is_left_out_by_name(
    engine_of, small_crm, monkeypatch
):
    """As when base.yaml, a grid or the data have changed, and one system is asked for."""
    engine_of().run({"visits": system(rate=1), "other": system()})
    known = {"visits": system(rate=2), "other": system()}
    monkeypatch.setattr("leadrank.compare.engine.system_names", lambda: list(known))
    monkeypatch.setattr("leadrank.compare.engine.load_systems", lambda names: dict(known))
    engine = engine_of()
    assert [one.name for one in engine.results()] == ["other"]
    assert engine.left_out == {"visits": "visits: made with other settings (rate)"}
    known.pop("other")
    assert engine.results() == []
    assert "other: there is no such system" in engine.left_out["other"]
    small_crm.write([{**row, "visits": "9"} for row in small_crm.rows()])
    known["other"] = system()
    engine = engine_of()
    assert engine.results() == []
    assert "made on other data" in engine.left_out["other"]


#: One system of each kind of code that chooses something.
KINDS = ("scorecard", "lightgbm", "logistic", "lambdarank", "tfidf_logistic", "probe")


def test_no_kind_of_system_keeps_a_value_of_the_table(engine_of, small_crm, tmp_path):
    """Levels, words, numbers and ids are marks that nothing else has."""
    rows = small_crm.rows()
    for row in rows:
        row["channel"] += "Blum"
        row["message"] += " Zwiebelkuchen"
        row["visits"] = str(int(row["visits"]) + 71935)
    small_crm.write(rows)
    engine = engine_of()
    engine.run(load_systems(KINDS))
    assert engine.failed == engine.not_applicable == {}
    marks = ["Blum", "wiebelkuchen", "7193", "7194", *engine.comparison.test["lead_id"]]
    for name in KINDS:
        assert dict(pl.read_parquet(tmp_path / "out" / f"{name}.parquet").schema) == KEPT
        record = (tmp_path / "out" / f"{name}.json").read_text("utf-8")
        assert not any(mark in json.dumps(json.loads(record)["runs"]) for mark in marks), name


def test_a_system_that_fails_or_does_not_apply_does_not_stop_the_others(engine_of):
    def fails(study, seed):
        raise RuntimeError("out of luck")

    def refuses(study, seed):
        raise UserError("there is no text")

    engine = engine_of()
    engine.run({"a": system(fails, seeds=3), "b": system(refuses), "c": system()})
    assert engine.failed == {"a": "RuntimeError"}
    assert engine.not_applicable == {"b": "there is no text"}
    assert [one.name for one in engine.results()] == ["c"]


def test_a_system_that_leaves_a_row_unscored_is_no_result(engine_of):
    def lazy(study, seed):
        return Scored(np.full(study.table.rows.height, np.nan), {})

    engine = engine_of()
    engine.run({"lazy": system(lazy)})
    assert engine.failed == {"lazy": "AssertionError"}
    assert engine.results() == []


def test_a_system_that_reads_outcomes_finds_none_of_the_test_part(engine_of):
    """It ranks validation perfectly and the test rows not at all."""

    def cheat(study, seed):
        label = study.table.rows["label"].cast(pl.Float64).fill_null(0.5).to_numpy()
        return Scored(label + study.data.rows.label.numpy(), {})

    engine = engine_of()
    engine.run({"cheat": system(cheat)})
    (result,) = engine.results()
    assert result.record["runs"][0]["validation"]["auc"] == 1.0
    assert result.scores["score"].n_unique() == 1


@pytest.fixture
def run_of(tmp_path):
    """Writes a finished run that scores these test rows; returns its folder."""

    def write(engine, rows=None, *, adapt="lora", **changed):
        run, rows = tmp_path / "run", engine.comparison.test if rows is None else rows
        (run / "model").mkdir(parents=True, exist_ok=True)
        kept = rows.with_columns(score=pl.lit(-9.0), probability=pl.lit(0.25))
        kept.reverse().write_parquet(run / "predictions.parquet")
        rivals = rows.select("row_id", probe=pl.lit(-9.0), finetuned=pl.col("row_id") / 100)
        rivals.write_parquet(run / "rivals.parquet")
        Calibration(2.0, -1.0).save(run / "model" / "calibration.json")
        (run / "model" / "model.yaml").write_text(f"encoder: {{layers: 12, adapt: {adapt}}}\n")
        metrics = {
            "seed": 2024, "git": "abc", "command": "leadrank fit --x /home/me",
            "selected": "finetuned", "experiment": "hpro", "seconds": {"train": 60.0},
            "data_fingerprint": engine.comparison.study.table.fingerprint,
            "validation_by_model": {"probe": 0.5, "finetuned": 0.4},
        }  # fmt: skip
        (run / "metrics.json").write_text(json.dumps(metrics | changed))
        return run

    return write


def test_a_run_of_fit_is_one_more_system(engine_of, run_of, tmp_path):
    engine = engine_of()
    take_run(engine.comparison, "lora", run_of(engine))
    (result,) = engine.results()
    assert (result.seeds, result.seconds, result.record["git"]) == ([2024], 60.0, "abc")
    assert (result.scores["label"] == engine.comparison.test["label"]).all()
    score = engine.comparison.test["row_id"].to_numpy() / 100
    np.testing.assert_allclose(result.scores["score"], score, rtol=1e-6)
    expected = 1 / (1 + np.exp(1 - 2 * score))
    np.testing.assert_allclose(result.scores["probability"], expected, rtol=1e-5)
    assert result.record["title"] == "lora (LoRA run, 12 layers)"
    assert "/home/me" not in (tmp_path / "out" / "lora.json").read_text("utf-8")


def test_a_run_that_kept_its_probe_is_the_fine_tuned_model_all_the_same(engine_of, run_of):
    """Its calibration is the probe's, so none is used: probability = sigmoid(score)."""
    engine = engine_of()
    take_run(engine.comparison, "lora", run_of(engine, selected="probe"))
    (result,) = engine.results()
    score = engine.comparison.test["row_id"].to_numpy() / 100
    np.testing.assert_allclose(result.scores["score"], score, rtol=1e-6)
    np.testing.assert_allclose(result.scores["probability"], 1 / (1 + np.exp(-score)), 1e-5)
    assert result.record["title"] == "lora (LoRA run, 12 layers, not calibrated)"
    # Unless the run tells the fine-tuned model's own.
    own = {"finetuned": {"slope": 3.0, "intercept": 0.5}, "probe": {"slope": 1, "intercept": 0}}
    take_run(engine.comparison, "lora", run_of(engine, selected="probe", calibrations=own))
    (result,) = engine.results()
    expected = 1 / (1 + np.exp(-0.5 - 3 * score))
    np.testing.assert_allclose(result.scores["probability"], expected, rtol=1e-5)
    assert result.record["title"] == "lora (LoRA run, 12 layers)"
    assert result.record["runs"][0]["validation"] == {"auc": 0.4}


def test_another_seed_of_a_run_is_one_more_seed_and_the_same_one_takes_its_place(
    engine_of, run_of
):
    engine = engine_of()
    take_run(engine.comparison, "lora", run_of(engine, seed=1))
    take_run(engine.comparison, "lora", run_of(engine, seed=300, seconds={"train": 30.0}))
    take_run(engine.comparison, "lora", run_of(engine, seed=1, seconds={"train": 5.0}))
    (result,) = engine.results()
    assert sorted(result.seeds) == [1, 300]
    assert result.seconds == 35.0
    assert result.scores.height == 2 * engine.comparison.test.height
    with pytest.raises(UserError, match=r"another experiment(.|\n)*another name"):
        take_run(engine.comparison, "lora", run_of(engine, experiment="asllr"))


def test_a_refusal_that_may_quote_the_table_is_said_and_not_kept(engine_of):
    """A field's value in a reader's words must not get into the committed page."""
    said = []
    engine = engine_of()
    engine.say = said.append

    def reads(study, seed):
        with duckdb.connect() as connection, explained(study.table.crm, {}, {}, connection):
            raise duckdb.ConversionException("no DOUBLE in 'Anna Blum, 0171 5550123'")

    engine.run({"reads": system(reads)})
    assert "0171" in "".join(said)
    assert engine.not_applicable["reads"].startswith("its table was refused by leadrank.funnel")
    assert "0171" not in engine.not_applicable["reads"]


def test_a_run_of_other_rows_or_without_adapters_is_refused(engine_of, run_of):
    engine = engine_of()
    with pytest.raises(UserError, match="test rows are not"):
        take_run(engine.comparison, "lora", run_of(engine, engine.comparison.test[1:]))
    with pytest.raises(UserError, match=r"its data or(.|\n)*nothing of the LLM was fine-tuned"):
        take_run(
            engine.comparison, "lora", run_of(engine, adapt="none", data_fingerprint="other")
        )


def test_a_record_without_its_scores_does_not_count(engine_of, tmp_path):
    engine = engine_of()
    engine.run({"visits": system()})
    (tmp_path / "out" / "visits.parquet").unlink()
    assert read_result(tmp_path / "out", "visits") is None


def test_a_record_of_another_version_is_named(engine_of, tmp_path):
    engine = engine_of()
    engine.run({"visits": system()})
    file = tmp_path / "out" / "visits.json"
    record = json.loads(file.read_text("utf-8"))
    del record["terms"]
    file.write_text(json.dumps(record), "utf-8")
    with pytest.raises(UserError, match=r"visits\.json: not a result of this version"):
        engine.results()


def test_systems_are_the_modules_of_their_folder_and_each_says_what_it_is():
    names = system_names()
    presets = {"pointwise", "asllr", "hpro", "hpro_paper", "hpro_released_code", "corn"}
    assert {*presets, "probe", "lightgbm", "lightgbm_stacked"} <= set(names)
    for name, one in load_systems(presets).items():
        assert one.title, name
        assert (one.seeds, one.reads, one.llm) == (5, "both", True)
    with pytest.raises(UserError, match=r"no system 'hrpo'.*hpro"):
        load_systems(["hrpo"])
