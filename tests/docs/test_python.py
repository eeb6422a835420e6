"""What docs/python.md and README's first lines show works as it is written there."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import ackd
from tests.api.folders import write_scenes
from tests.config.test_architecture import PURE
from tests.docs.commands import ROOT
from tests.stages.segmentation.test_own_pairs import write as write_pairs

DOC = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", DOC, re.M | re.S)
START = next(
    code for code in re.findall(r"^```python\n(.*?)^```", README, re.M | re.S) if "distill" in code
)
LOOP = next(code for code in SNIPPETS if "match_by_divergence" in code)
#: What makes the calls of the documents quick, where they do not say it themselves.
QUICK: dict[str, Any] = {
    "trainer__accelerator": "cpu", "transport": "off", "ska__patches": "pooled",
    "matcher__backbone__name": "test_resnet",
}  # fmt: skip


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls train for one epoch, and small networks where a document names large ones."""
    distill, segmentation = ackd.distill, ackd.distill_segmentation
    small = {"teacher": "shufflenetv2_x0_5", "student": "test_resnet", "epochs": 1}
    monkeypatch.setattr(
        ackd, "distill", lambda **given: distill(**{**given, **QUICK, **small}), raising=False
    )
    monkeypatch.setattr(
        ackd, "distill_segmentation",
        lambda **given: segmentation(
            **{**given, "network": {"name": "tiny", "width": 4}, "epochs": 1},
            data__val=4, data__test=4, trainer__accelerator="cpu",
        ),
        raising=False,
    )  # fmt: skip


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders of the documents, as the current one."""
    monkeypatch.chdir(tmp_path)
    found = write_scenes(tmp_path, described=True)
    next(found["rgb"].rglob("*.png")).rename(tmp_path / "scene.jpg")
    return tmp_path


def test_the_first_lines_of_the_readme(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    assert README.index(START) < README.index("## Use")
    names: dict[str, Any] = {}
    exec(START, names)
    assert names["student"].classes
    assert {path.name for path in folders.iterdir()} == {"ms", "rgb", "runs", "scene.jpg"}


@pytest.mark.slow
def test_the_page_from_its_first_line_to_its_last(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    pairs = write_pairs(folders / "pairs")
    for side in ("optical", "sar", "masks"):
        (pairs / side).rename(folders / side)
    run = ackd.run

    def short(given: Any, **more: Any) -> Any:
        if more:  # of segmentation
            words = [
                "data.train=20",
                "data.val=4",
                "data.test=4",
                "data.size=32",
                "network.width=4",
            ]
            return run([*given, *words, "trainer.accelerator=cpu"], **more)
        sizes = {"data.classes": 3, "data.ms_per_class": 20, "data.rgb_per_class": 20}
        sizes |= {"data.ms_test_per_class": 0, "data.rgb_test_per_class": 0, "data.size": 32}
        return run(given | sizes | {"teacher.max_epochs": 1, "trainer.accelerator": "cpu"})

    monkeypatch.setattr(ackd, "run", short, raising=False)
    names: dict[str, Any] = {}
    for code in SNIPPETS:
        if code != LOOP:
            exec(code.replace("sar/tile_sar.tif", "sar/t00_sar.tif"), names)
    assert names["mask"].shape == (16, 16)
    assert names["result"].metrics["iou"].value >= 0


BEFORE = """
import torch
torch.manual_seed(0)
ms, rgb = torch.rand(12, 4, 32, 32), torch.rand(12, 3, 32, 32)
ms_classes = rgb_classes = torch.arange(12) % 3
"""
AFTER = """
assert loss.isfinite() and set(terms) == {"tckd", "nckd", "ot1", "ot2"}, terms
assert torch.equal(ms_classes[partner], rgb_classes)
assert all(weight.grad is not None for weight in trained.parameters())
"""


def test_a_loop_of_ones_own_trains() -> None:
    assert len(LOOP.splitlines()) < 30
    quick = LOOP.replace("resnet34", "test_resnet").replace("mobilenetv2", "shufflenetv2_x0_5")
    with torch.random.fork_rng():
        exec(BEFORE + quick + AFTER, {})
    used = set(re.findall(r"ackd\.(\w+)\(", LOOP))
    assert {getattr(ackd, name).__module__.split(".")[1] for name in used} <= set(PURE)


@pytest.mark.slow
def test_a_loop_of_ones_own_needs_neither_lightning_nor_hydra() -> None:
    """In a Python of its own, which has imported nothing else."""
    program = (
        f"import sys\n{BEFORE}{LOOP}{AFTER}"
        "print(*sorted({'lightning', 'pytorch_lightning', 'hydra', 'omegaconf'}"
        " & set(sys.modules)))"
    )
    environment = os.environ | {
        "PYTHONPATH": str(Path(ackd.__file__).parents[1]), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_the_page_names_everything_that_there_is() -> None:
    names = set(re.findall(r"`(\w+)`", DOC[DOC.index("## All names") :]))
    assert names == set(ackd.__all__) - {"__version__"}


@pytest.mark.parametrize("code", [START, *SNIPPETS], ids=range(1 + len(SNIPPETS)))
def test_calls_have_arguments_that_exist(code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call) or not re.fullmatch(r"ackd\.\w+", ast.unparse(node.func)):
            continue
        function = getattr(ackd, ast.unparse(node.func).removeprefix("ackd."))
        signature = inspect.signature(function)
        signature.bind(*node.args, **{str(word.arg): word.value for word in node.keywords})
        for parameter in signature.parameters.values():
            kinds = (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
            documented = f"{parameter.name}:" in (inspect.getdoc(function) or "")
            told = inspect.isclass(function) or documented or parameter.kind in kinds
            assert told, f"{function.__name__} does not say what {parameter.name} is"
