"""What the README tells a user to type works as it stands."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ackd.backbones import build_backbone
from ackd.data.reading.photographs import read_rgb
from ackd.students import ScenePrediction
from ackd.train import train
from tests.stages import toy

README = Path(__file__).parents[2] / "README.md"
QUICK = (
    "data.classes=3", "data.ms_per_class=15", "data.rgb_per_class=20", "data.size=32",
    "data.ms_test_per_class=0", "data.rgb_test_per_class=0",
)  # fmt: skip


def snippet() -> str:
    shown = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.S)
    (found,) = (code for code in shown if "distill" not in code)  # tests/docs runs the other
    return str(found)


def use(code: str) -> tuple[str, ScenePrediction]:
    """What the code prints, and what the student says."""
    names: dict[str, object] = {}
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile(code, str(README), "exec"), names)
    said = names["said"]
    assert isinstance(said, ScenePrediction)
    return shown.getvalue(), said


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """The result of a run whose images are normalised in some way, with its folder."""

    @cache
    def run(normalise: str) -> dict[str, Any]:
        root = tmp_path_factory.mktemp(normalise)
        words = ("method=baseline", "transport=off", "student.max_epochs=1", *QUICK)
        result = train(toy.composed(root, *words, f"data.normalise={normalise}"), root / "run")
        return {"student": root / "run" / "student.pt", "classes": result["data"]["classes"]}

    return run


@pytest.mark.parametrize("normalise", ["standard", "image_max"])
def test_the_snippet_sees_an_image_as_the_run_did(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_of: Callable[[str], dict[str, Any]],
    normalise: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    trained = run_of(normalise)
    shutil.copy(trained["student"], "student.pt")
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("scene.jpg", quality=95)
    shown, said = use(snippet())
    assert said.label in trained["classes"]
    assert shown.startswith(f"{said.label} {said.probability:.2f} ")
    assert str(torch.load("student.pt", weights_only=True)["test"]["oa"]) in shown

    # The same image through the code that the student was trained with.
    saved = torch.load("student.pt", weights_only=True)
    read = torch.as_tensor(read_rgb(tmp_path / "scene.jpg", saved["size"]))[None]
    student = build_backbone(**saved["backbone"], bands=3, classes=3)
    student.load_state_dict(saved["state_dict"])
    student.eval()
    expected = student((read.float() - saved["mean"]) / saved["std"]).logits
    assert torch.equal(torch.from_numpy(said.logits), expected[0])


def test_the_snippet_takes_files_of_earlier_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_of: Callable[[str], dict[str, Any]]
) -> None:
    monkeypatch.chdir(tmp_path)
    saved = torch.load(run_of("standard")["student"], weights_only=True)
    old = {"backbone", "bands", "classes", "size", "mean", "std", "state_dict"}
    torch.save({key: value for key, value in saved.items() if key in old}, "student.pt")
    Image.new("RGB", (64, 64), (10, 120, 30)).save("scene.jpg")
    assert use(snippet())[1].label in saved["classes"]
