"""The method page's code runs as it stands, and draws the picture that the page shows."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs/method.md"
CODE = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("code", CODE)
def test_the_code_of_the_page_draws_its_picture(code, tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    (drawn,) = (tmp_path / "docs").iterdir()
    assert f"]({drawn.name})" in PAGE.read_text("utf-8")
    committed = PAGE.with_name(drawn.name).read_bytes()
    assert len(committed) < 100_000
    # A tier is a group of lines; how glyphs are drawn is matplotlib's.
    lines = re.compile(rb'<g id="LineCollection_\d+">.*?</g>', re.DOTALL)
    shapes = [
        [re.findall(rb' d="[^"]*"', group) for group in lines.findall(content)]
        for content in (committed, drawn.read_bytes())
    ]
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) == 3


def test_there_is_code():
    assert len(CODE) == 1
