"""What docs/predict.md shows works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ackd.predict.cli import main
from tests.docs.commands import commands
from tests.predict.rasters import town, write
from tests.students.files import scene_file, tile_file

DOC = Path(__file__).parents[2] / "docs" / "predict.md"


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the commands name; a scene of one name, for both students."""
    monkeypatch.chdir(tmp_path)
    scene_file(tmp_path / "student.pt")
    tile_file(tmp_path / "sar_student.pt")
    for name in ("a.jpg", "b.jpg", "photographs/c.jpg"):
        Path(name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((30, 30, 3), 90, np.uint8)).save(name)
    sar = town(60, 60, [(20, 20, 15, 15)])
    write(Path("chips/one.tif"), np.float32(10) ** (sar / 10))


def test_the_commands_run() -> None:
    shown = [words[3:] for words in commands(DOC) if words[:3] == ["python", "-m", "ackd.predict"]]
    complete = [words for words in shown if words[0].endswith(".pt")]
    assert len(complete) == 4
    for words in complete:
        scenes = words[0] == "student.pt"
        sar = town(60, 60, [(20, 20, 15, 15)])
        write(Path("scene.tif"), np.full((3, 60, 60), 90, np.uint8) if scenes else sar)
        assert main(words) == 0
    assert Path("labels/predictions.csv").is_file()
    made = {path.name for path in Path("predictions").iterdir()}
    assert {"scene_windows.geojson", "scene_polygons.geojson", "one_mask.tif"} <= made
    assert "one_probability.tif" not in made


def test_the_snippet_runs(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("scene.tif"), town(60, 60, [(20, 20, 15, 15)]))
    (code,) = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), flags=re.S)
    exec(compile(code, str(DOC), "exec"), {})
    assert {path.name for path in Path("maps").iterdir()} == {
        "scene_mask.tif", "scene_polygons.geojson",
    }  # fmt: skip
    assert "a.jpg ScenePrediction(" in capsys.readouterr().out
