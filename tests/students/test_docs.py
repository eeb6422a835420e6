"""What docs/students.md shows works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.data.tiles.folders import write_tif
from tests.students.files import scene_file, tile_file

DOC = Path(__file__).parents[2] / "docs" / "students.md"


def test_the_snippets_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    scene_file(tmp_path / "student.pt")
    tile_file(tmp_path / "sar_student.pt")
    tile = np.random.default_rng(0).normal(-15, 3, (2, 40, 30)).astype(np.float32)
    write_tif(tmp_path / "tile.tif", tile)
    snippets = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), flags=re.S)
    assert len(snippets) == 2
    names: dict[str, object] = {}  # the second goes on from the first
    for code in snippets:
        exec(compile(code, str(DOC), "exec"), names)
    shown = capsys.readouterr().out
    assert "scene classification: forest, river, town" in shown
    assert "{'oa': 0.9, 'f1': 0.88}" in shown
    assert "(40, 30) {'ground': 0." in shown
