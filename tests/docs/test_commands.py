"""What README and docs tell a user to type is understood, and runs where no archive is needed."""

from __future__ import annotations

import argparse
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NoReturn

import pytest
from omegaconf import DictConfig

from ackd.config.command_line import readable
from ackd.config.programs import PROGRAMS, SEGMENT
from ackd.config.schema import Config
from ackd.config.schema.segmentation import SegmentConfig
from ackd.prepare.cli import main as prepare
from ackd.sweeps.space import read_search
from ackd.train import check, train
from tests.config.composing import compose_config
from tests.data.layouts import (
    ms_pixels,
    write_eurosat_ms,
    write_eurosat_rgb,
    write_jpg,
    write_nwpu,
    write_tif,
)
from tests.docs.commands import DOCUMENTS, EXPERIMENTS, ROOT, commands, first_job, modules

Words = tuple[str, ...]
OTHERS = [*DOCUMENTS, ROOT / "experiments" / "README.md"]
FOUND = {document: list(commands(document)) for document in OTHERS}
# One case per command, with a document that shows it.
SHOWN: dict[Words, Path] = {
    tuple(words): document for document in reversed(OTHERS) for words in FOUND[document]
}


def started(*names: str) -> list[Words]:
    """The words that follow, of the commands that start so."""
    return [words[len(names) :] for words in SHOWN if words[: len(names)] == names]


def trainings() -> list[Words]:
    """What follows ``python -m ackd.train``; the help has tests of its own."""
    return [words for words in started("python", "-m", "ackd.train") if "--help" not in words]


# Those below have tests of their own.
APART = ("ackd.train", "ackd.segment", "ackd.search", "ackd.dashboard", "experiments/images.py")
PYTHON = [words[2:] if words[1] == "-m" else words[1:] for words in SHOWN if words[0] == "python"]
PARSED = [(program, words) for program, *words in PYTHON if program not in APART]
# What srun sets on four nodes of eight devices.
SRUN = {
    "SLURM_NTASKS": "32", "SLURM_NTASKS_PER_NODE": "8", "SLURM_NNODES": "4", "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "32",
}  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with nothing set, in an empty folder."""
    for name in [name for name in os.environ if name.startswith(("ACKD_", "WANDB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ACKD_RUN_FOLDER", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python files that the documents show, importable as from the current folder."""
    for document in OTHERS:
        for name, code in modules(document).items():
            (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
            monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))


def composed(words: Words, *more: str) -> DictConfig:
    """The configuration of a command, or of the first job of a sweep."""
    overrides = [word for word in readable(list(words)) if "=" in word]
    return compose_config(*first_job(overrides), *more)


def test_every_kind_of_command_is_found() -> None:
    assert len(trainings()) > 20
    programs = {words[0] if words[0] != "python" else words[2] for words in SHOWN}
    assert {"make", "pip", "ackd.train", "ackd.search", "ackd.prepare", "ackd.report"} <= programs
    assert {"ackd.artifacts", "ackd.dashboard", "benchmarks"} <= programs


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("words", trainings(), ids=" ".join)
def test_a_training_is_composed_and_checked(words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    if "+trainer.num_nodes=4" in words:
        for name, value in SRUN.items():
            monkeypatch.setenv(name, value)
    # What a machine has is not what is tested here.
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    assert isinstance(check(composed(words)), Config)


@pytest.mark.parametrize("words", started("python", "-m", "ackd.segment"), ids=" ".join)
def test_a_segmentation_is_composed_and_checked(words: Words) -> None:
    overrides = first_job([word for word in readable(list(words)) if "=" in word])
    assert isinstance(check(compose_config(*overrides, program=SEGMENT)), SegmentConfig)


@pytest.mark.parametrize("words", started("python", "-m", "ackd.search"), ids=" ".join)
def test_a_search_is_composed_and_checked(words: Words) -> None:
    named = [*words, "--config-name", "train"]
    at = named.index("--config-name")
    program = next(one for one in PROGRAMS if one.primary == named[at + 1])
    options, _, shared = read_search([*words[:at], *words[at + 2 :]], program)
    assert options.space
    check(compose_config(*shared, program=program))


class UnderstoodError(BaseException):
    """The command line was parsed; what follows is not for this test."""


def start(program: str) -> None:
    """Run a script, or a module as ``python -m`` does."""
    sys.modules.pop(f"{program}.__main__", None)
    if program.endswith(".py"):
        runpy.run_path(str(ROOT / program), run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


@pytest.mark.parametrize(("program", "words"), PARSED, ids=lambda value: str(value))
def test_other_commands_are_parsed(
    program: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("parse_args", "parse_intermixed_args"):
        parse = getattr(argparse.ArgumentParser, name)

        def only(*args: Any, parse: Any = parse, **kwargs: Any) -> NoReturn:
            parse(*args, **kwargs)
            raise UnderstoodError

        monkeypatch.setattr(argparse.ArgumentParser, name, only)
    monkeypatch.setattr(sys, "argv", [program, *words])
    monkeypatch.syspath_prepend(str(ROOT))
    with pytest.raises(UnderstoodError):
        start(program)


@pytest.mark.filterwarnings("ignore:Pydantic V1 style")  # its own
@pytest.mark.parametrize("words", started("python", "-m", "ackd.dashboard"), ids=" ".join)
def test_a_view_is_made(words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb_workspaces", reason="the extra 'dashboard' is not installed")
    from ackd.dashboard import __main__ as dashboard

    saved = []
    monkeypatch.setattr(dashboard, "save", lambda view: saved.append(view.entity))
    dashboard.main(list(words))
    assert saved == ["TEAM"]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("words", started("make"), ids=" ".join)
def test_make_has_the_target(words: Words) -> None:
    command = ["make", "-C", str(ROOT), "--dry-run", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", started("pip", "install"), ids=" ".join)
def test_an_extra_exists(words: Words) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.findall(r"ackd\[(.*?)\]", " ".join(words))
    assert {name for group in extras for name in group.split(",")} <= {
        *project["optional-dependencies"]
    }


# --- run for real, cut short ----------------------------------------------------------------------

EMBEDDED = (
    "data.classes=3", "data.ms_per_class=15", "data.rgb_per_class=20", "data.size=32",
    "data.ms_test_per_class=0", "data.rgb_test_per_class=0",
)  # fmt: skip
SHORT = (
    *(f"{stage}.max_epochs=1" for stage in ("teacher", "matcher", "student")),
    *(f"{stage}.batch_size=4" for stage in ("teacher", "matcher", "student")),
    "trainer.accelerator=cpu", "ska.patches=pooled",
)  # fmt: skip


def embedded() -> list[Words]:
    """Trainings that need no images, in one process."""
    left_out = ("data=", "+experiment=", "ckpt_path=runs", "trainer.devices=")
    return [
        words
        for words in trainings()
        if not any(word.startswith(left_out) for word in words)
        and SHOWN["python", "-m", "ackd.train", *words].name != "extending.md"  # its own test
    ]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Teachers that the next command finds."""
    return tmp_path_factory.mktemp("artifacts")


@pytest.mark.slow
@pytest.mark.parametrize("words", embedded(), ids=" ".join)
def test_a_training_on_embedded_data_runs(words: Words, tmp_path: Path, kept: Path) -> None:
    result = train(composed(words, *EMBEDDED, *SHORT, f"artifacts={kept}"), tmp_path / "run")
    trained = result["student"] or result["teacher"]
    assert trained["metrics"]["oa"] is not None


@pytest.mark.slow
def test_the_block_on_folders_of_ones_own_runs(tmp_path: Path) -> None:
    for name in ("Forest", "River"):
        for i in range(10):
            write_jpg(tmp_path / "RGB_DIR" / name / f"{i}.jpg", i)
            write_tif(tmp_path / "MS_DIR" / name / f"{i}.tif", ms_pixels(i)[:4])
    words = next(words for words in started("python", "-m", "ackd.prepare") if "MS_DIR" in words)
    prepare(list(words))
    (words,) = [words for words in trainings() if "data.ms=MS_DIR" in words]
    result = train(composed(words, *SHORT, "method=baseline"), tmp_path / "run")
    assert result["data"]["classes"] == ["Forest", "River"]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few noise images in the publishers' layouts."""
    root = tmp_path_factory.mktemp("archives")
    write_eurosat_ms(root, 10)
    write_eurosat_rgb(root, 10)
    write_nwpu(root, 5)
    return root


def firsts(module: str) -> dict[str, Words]:
    """The first command of each experiment with this program."""
    found = {readme.parent.name: commands(readme) for readme in EXPERIMENTS}
    return {
        name: tuple(listed[0][3:]) for name, every in found.items()
        if (listed := [words for words in every if words[2] == module])
    }  # fmt: skip


# BigEarthNet is not among the archives above; its commands are composed in test_experiments.py.
OF_S2S_EU = {name: words for name, words in firsts("ackd.train").items() if name != "m2s_gl_v2"}


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_S2S_EU)
def test_an_experiment_runs(
    name: str, archives: Path, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACKD_DATA", str(archives))
    result = train(composed(OF_S2S_EU[name], *SHORT, f"artifacts={kept}"), tmp_path / "run")
    trained = result["student"] or result["teacher"]
    assert trained["metrics"]["f1"] is not None


FEW_TOWNS = (
    "data.train=10", "data.val=4", "data.test=4", "data.size=64", "trainer.accelerator=cpu",
    "network.name=tiny", "epochs={teacher: 1, reconstruction: 1, finetune: 1}",
    *(f"{stage}.batch_size=5" for stage in SegmentConfig.trained()),
)  # fmt: skip


def of_towns() -> list[Words]:
    """Segmentations that need no images."""
    shown = [*started("python", "-m", "ackd.segment"), *firsts("ackd.segment").values()]
    needs = ("data=pairs", "data=bigearthnet_forest", "+experiment=pairs_forest", "ckpt_path=")
    return [words for words in shown if not any(word.startswith(needs) for word in words)]


@pytest.mark.slow
@pytest.mark.parametrize("words", of_towns(), ids=" ".join)
def test_a_segmentation_of_towns_runs(words: Words, tmp_path: Path, kept: Path) -> None:
    named = [word for word in readable(list(words)) if "=" in word]
    overrides = [word for word in first_job(named) if not word.startswith("epochs=")]
    result = train(
        compose_config(*overrides, *FEW_TOWNS, f"artifacts={kept}", program=SEGMENT),
        tmp_path / "run",
    )
    assert (result["student"] or result["teacher"])["metrics"]["iou"] is not None
