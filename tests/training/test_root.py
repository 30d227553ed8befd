"""Which CRM file `--data` names."""

from pathlib import Path

import pytest

from leadrank.errors import UserError
from leadrank.training.root import filed_as, named_crm


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for name in ("cars", "houses"):
        (tmp_path / "data" / f"{name}.yaml").write_text("")
    return tmp_path


def test_a_name_is_an_experiments_own(experiments: Path) -> None:
    assert named_crm(experiments, "cars") == experiments / "data" / "cars.yaml"


def test_a_path_is_taken_as_it_is(experiments: Path, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "crm.yaml"
    file.parent.mkdir()
    file.write_text("")
    assert named_crm(experiments, str(file)) == file


def test_results_are_filed_under_the_name_or_a_dealerships_folder() -> None:
    assert filed_as(Path("experiments/data/raop.yaml")) == "raop"
    assert filed_as(Path("worlds/north/crm.yaml")) == "north"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("car", "did you mean 'cars'?.*in .*data: cars, houses"),
        ("nowhere/crm.yaml", "nowhere/crm.yaml: no such CRM file"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(
    experiments: Path, data: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        named_crm(experiments, data)
