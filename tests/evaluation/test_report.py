import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from leadrank.evaluation import paired_differences, summary, verdict, write_report
from leadrank.evaluation.figures import systems
from leadrank.evaluation.verdict import NO_TEXT, selection, standing

NASTY = '<script>alert("x")</script>'
BLOCK = {
    "n": 200, "positives": 30, "auc": 0.75, "average_precision": 0.25, "ndcg": 0.6,
    "ndcg_stage": 0.7, "precision@0.1%": 1.0, "precision@1%": 0.5, "precision@5%": 0.4,
    "precision@10%": 0.3, "recall@5%": 0.2, "lift@10%": 2.5, "pair_accuracy": 0.66,
    "ece": 0.01, "brier": 0.1, "few_hits": ["precision@0.1%"],
}  # fmt: skip
BETTER = {"auc": [0.1, 0.05, 0.2], "average_precision": [0.05, 0.01, 0.09]}
UNCLEAR = {"auc": [0.1, 0.05, 0.2], "average_precision": [0.05, -0.01, 0.09]}
FEW = {metric: [0.4, None, None] for metric in ("auc", "average_precision")}
WORSE = {"auc": [0.1, 0.05, 0.2], "average_precision": [-0.05, -0.09, -0.01]}


def metrics(**changes: Any) -> dict[str, Any]:
    return {
        "experiment": "quickstart", "data": "world", "seed": 7, "git": "abc1234",
        "data_fingerprint": "f00d", "selected": "finetuned", "test": BLOCK,
        "test_ci": {"auc": [0.7, 0.8]}, "probe": {**BLOCK, "auc": 0.72},
        "lightgbm": {**BLOCK, "average_precision": 0.2}, "validation": BLOCK,
        "seconds": {"train": 12.5},
    } | changes  # fmt: skip


def predictions(n: int = 200) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    stage = rng.integers(3, size=n)
    score = stage + rng.normal(size=n)
    return pl.DataFrame(
        {
            "row_id": range(n),
            "lead_id": [f"L{i // 2}" for i in range(n)],
            "label": (stage == 2).astype(int),
            "stage": pl.Series([*stage[:-1].tolist(), None], dtype=pl.Int8),
            "weight": np.ones(n),
            "score": score,
            "probability": 1 / (1 + np.exp(-score)),
        }
    )


def call_list(lead: str = NASTY, rows: int = 30) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "rank": range(1, rows + 1),
            "rank_in_group": [1] * rows,
            "lead_id": [lead] * rows,
            "snapshot": [datetime(2024, 6, 1, tzinfo=UTC)] * rows,
            "group": [None, *[f"store & {NASTY}"] * (rows - 1)],
            "score": [0.5] * rows,
            "probability": [0.123] * rows,
            "grade": ["A"] * rows,
        }
    )


def report(tmp_path: Path, **changes: Any) -> str:
    rng = np.random.default_rng(1)
    given = {
        "metrics": metrics(),
        "predictions": predictions(),
        "rivals": {"lightgbm": rng.normal(size=200), "probe": rng.normal(size=200)},
        "paired": {"lightgbm": BETTER, "probe": BETTER},
        "call_list": call_list(),
        "stages": ("contacted", NASTY, "order"),
        "command": f"make train ARGS='{NASTY}'",
    } | changes
    write_report(tmp_path / "report.html", **given)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return report(tmp_path_factory.mktemp("report"))


class Balanced(HTMLParser):
    """Checks that every element that is opened is closed, in order."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_customer_text_is_escaped_everywhere(page: str) -> None:
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "store &amp; &lt;script" in page


def test_it_asks_no_other_machine_for_anything(page: str) -> None:
    assert "://" not in page
    assert not re.search(r"(src|action|@import|url)\s*[=(]\s*[\"']?(?!#)", page)
    assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)"', page))


def test_the_html_is_balanced(page: str) -> None:
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []


def test_three_figures_are_inline(page: str) -> None:
    assert page.count("<svg") == 3


def test_a_figure_with_few_hits_is_flagged(page: str) -> None:
    assert "top 0.1 % †" in page
    assert page.count("†") == 2


def test_intervals_stand_beside_the_figures(page: str) -> None:
    assert "0.700 to 0.800" in page
    assert "+0.010 to +0.090" in page


def test_the_first_twenty_leads_are_listed(tmp_path: Path) -> None:
    page = report(tmp_path, call_list=call_list(lead="someone", rows=30))
    assert page.count(">someone<") == 20
    assert "first 20 of 30 leads" in page


def test_how_it_was_made_is_told(page: str) -> None:
    for told in ("make train", "abc1234", "f00d", "train 12.5"):
        assert told in page


def test_an_undefined_figure_is_not_a_zero(tmp_path: Path) -> None:
    page = report(tmp_path, metrics=metrics(test={**BLOCK, "ece": float("nan")}))
    assert "n/a" in page
    assert "nan" not in page.lower()


def test_the_probe_is_listed_once_when_it_was_kept(tmp_path: Path) -> None:
    page = report(tmp_path, metrics=metrics(selected="probe"))
    assert "The linear probe was kept" in page
    assert '<th scope="col">linear probe</th>' not in page


def test_rival_scores_of_another_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="200 scores each"):
        report(tmp_path, rivals={"lightgbm": np.zeros(3)})


@pytest.mark.parametrize(
    ("paired", "said"),
    [
        (BETTER, "The fine-tuned model ranks these leads better"),
        (UNCLEAR, "Cannot tell whether the fine-tuned model"),
        (WORSE, "The fine-tuned model ranks these leads worse"),
        ({"average_precision": [float("nan")] * 3}, "Cannot tell"),
        (
            FEW,
            "Cannot tell whether the fine-tuned model ranks these leads better than LightGBM: "
            "fewer than 10 test leads ordered",
        ),
    ],
)
def test_the_headline_claims_what_the_interval_allows(paired: dict, said: str) -> None:
    assert verdict(metrics(), paired).startswith(said)


def test_the_headline_names_the_model_that_was_kept() -> None:
    assert "linear probe" in verdict(metrics(selected="probe"), BETTER)


def test_a_score_does_not_differ_from_itself() -> None:
    frame = predictions()
    paired = paired_differences(frame, {"lightgbm": frame["score"].to_numpy()})
    assert paired["lightgbm"]["auc"] == [0.0, 0.0, 0.0]


def test_a_better_score_has_a_positive_difference() -> None:
    paired = paired_differences(predictions(), {"lightgbm": np.zeros(200)})
    gap, low, _ = paired["lightgbm"]["average_precision"]
    assert gap > low > 0


@pytest.mark.parametrize(
    ("selected", "reads", "said"),
    [("probe", False, True), ("probe", True, False), ("finetuned", False, False)],
)
def test_a_kept_probe_that_reads_no_text_is_said(
    selected: str, reads: bool, said: bool
) -> None:
    kept = metrics(selected=selected, start={"name": "probe", "reads_text": reads})
    assert selection(kept).endswith(NO_TEXT) == said


def test_a_run_on_a_part_of_its_table_says_so_first(tmp_path: Path) -> None:
    for trial, said in (((60, 5000), True), (None, False)):
        printed = summary(metrics(trial=trial), "rank", run="r", paired={"lightgbm": FEW})
        assert printed.startswith("A trial on 60 of 5,000 usable rows") == said
        page = report(tmp_path, metrics=metrics(trial=trial))
        assert ("A trial on 60 of 5,000 usable rows" in page.split("<h1>")[0]) == said


def test_without_an_interval_the_difference_stands_alone(tmp_path: Path) -> None:
    printed = summary(metrics(), "rank", run="r", paired={"lightgbm": FEW})
    assert "(difference +0.400); AUC" in " ".join(printed.split())
    page = report(tmp_path, paired={"lightgbm": FEW, "probe": FEW})
    assert "<td>+0.400</td>" in page


def test_a_test_part_without_orders_is_told_without_figures() -> None:
    none = {**BLOCK, "auc": None, "average_precision": None, "positives": 0}
    paired = {metric: [None, None, None] for metric in ("auc", "average_precision")}
    printed = summary(
        metrics(test=none, lightgbm=none), "rank", run="r", paired={"lightgbm": paired}
    )
    assert "Average precision n/a against n/a; AUC n/a against n/a." in printed


def test_few_hits_have_no_interval() -> None:
    block = {**BLOCK, "few_hits": ["precision@5%"]}
    intervals = {"precision@5%": [0.0, 0.0], "auc": [0.7, 0.8]}
    leadrank = systems(metrics(test=block, test_ci=intervals))[0]
    assert leadrank.interval("precision@5%") == ""
    assert leadrank.interval("auc") == "0.700 to 0.800"


def test_the_summary_fits_a_terminal() -> None:
    printed = summary(
        metrics(), "rank lead\n1 L1", run="runs/quickstart-world/version_0",
        paired={"lightgbm": UNCLEAR},
    )  # fmt: skip
    assert max(len(line) for line in printed.splitlines()) <= 80
    assert "Cannot tell" in printed
    assert "0.700 to 0.800" in printed
    assert printed.endswith("Run folder: runs/quickstart-world/version_0")
    assert "1 L1" in printed


def known(gap: list[float]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and paired differences of a run on the simulated dealership."""
    reader = {**BLOCK, "auc": 0.86, "average_precision": 0.31}
    truth = {**BLOCK, "auc": 0.92, "average_precision": 0.5}
    paired = {"lightgbm": UNCLEAR, "probe": BETTER}
    paired["oracle_reader"] = {"auc": [-0.11, -0.2, -0.05], "average_precision": gap}
    return metrics(oracle_reader=reader, oracle_world=truth), paired


def test_where_the_model_stands_is_said_as_far_as_intervals_go() -> None:
    said = standing(*known([-0.06, -0.1, 0.02]))
    auc, precision = said.split(" By average precision ")
    assert auc == (
        "By AUC it is above LightGBM (+0.100, +0.050 to +0.200), and is below a perfect reader "
        "of the texts (-0.110, -0.200 to -0.050), which has 0.860; the hidden truth has 0.920."
    )
    assert precision.count("cannot be told from") == 2
    assert "0.310; the hidden truth has 0.500" in precision


def test_without_a_known_truth_nothing_is_said_of_it(tmp_path: Path) -> None:
    assert standing(metrics(), {"lightgbm": BETTER}) == ""
    assert "perfect reader" not in report(tmp_path)


def test_the_report_shows_the_perfect_reader_and_the_truth(tmp_path: Path) -> None:
    figures, paired = known([-0.06, -0.1, -0.02])
    rivals = {name: np.random.default_rng(2).normal(size=200) for name in paired}
    page = report(tmp_path, metrics=figures, paired=paired, rivals=rivals)
    for shown in ("is below a perfect reader of the texts", "hidden truth", "0.920"):
        assert shown in page
