"""Nothing that a stranger's file holds runs, wherever ackd opens it."""

from __future__ import annotations

import ast
import json
import logging
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import ackd
from ackd.artifacts import main as artifacts
from ackd.errors import AckdError, ConfigError, DamagedError, DataError
from ackd.report.collect import collect
from ackd.runs.checkpoints import CHECKPOINTS, LAST, PREVIOUS, WholeCheckpoints
from tests.api.hostile import TARGETS, Hostile, opens_badly, plain_pickle, spoil
from tests.slow import slow
from tests.stages import toy
from tests.students.files import scene_file, tile_file

PACKAGE = Path(ackd.__file__).parent
KD = ("method=kd", "matching=random", "dynm.enabled=false", "name=n")


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """It exists once something has run."""
    return tmp_path / "mark"


def crashed(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    toy.small(monkeypatch)
    return toy.crashed(monkeypatch, root, "crashed", *KD, epoch=3)


def test_checkpoints_of_a_stranger_are_passed_over(
    tmp_path: Path,
    mark: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: list[logging.LogRecord],
) -> None:
    folder = crashed(tmp_path, monkeypatch)
    for name in (LAST, PREVIOUS):
        spoil(folder / CHECKPOINTS / name, mark)
        assert opens_badly(folder / CHECKPOINTS / name, mark)
    result = toy.run(tmp_path, "unused", *KD, f"ckpt_path={folder}")
    assert result["student"]["metrics"]["oa"] is not None
    assert not mark.exists()
    assert [one for one in said if "passed over a checkpoint" in one.getMessage()]


def test_lightning_itself_opens_no_pickle(tmp_path: Path, mark: Path) -> None:
    path = tmp_path / "hpc_ckpt_1.ckpt"
    torch.save({"epoch": 1, "more": Hostile(mark)}, path)
    with pytest.raises(Exception, match="weights_only"):
        WholeCheckpoints().load_checkpoint(path, weights_only=False)
    assert not mark.exists()


def test_stages_of_a_stranger_are_trained_again(
    tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.small(monkeypatch)
    first = toy.run(tmp_path, "one", *KD)
    spoilt = list((tmp_path / "artifacts").rglob("*.pt"))
    assert spoilt
    for path in spoilt:
        spoil(path, mark)
    for path in (tmp_path / "artifacts").rglob("*.npy"):
        np.save(path, np.array([Hostile(mark)], dtype=object), allow_pickle=True)
    second = toy.run(tmp_path, "two", *KD)
    assert not mark.exists()
    assert second["student"]["metrics"] == first["student"]["metrics"]
    assert second["reused"] == []


@pytest.mark.parametrize("make", [plain_pickle, spoil])
def test_files_of_weights_are_refused(tmp_path: Path, mark: Path, make: Any) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"conv.weight": torch.zeros(2)}, path)
    make(path, mark)
    with pytest.raises(ConfigError, match="cannot be read as weights"):
        ackd.build_backbone("shufflenetv2_x0_5", classes=2, pretrained=path)
    with pytest.raises(ConfigError, match="cannot be read as weights"):
        ackd.build_network("tiny", width=4, weights=path)
    assert not mark.exists()


@pytest.mark.parametrize("target", TARGETS)
def test_a_student_builds_nothing_that_its_file_names(
    target: str, tmp_path: Path, mark: Path
) -> None:
    command = f"touch '{mark}'"
    for make, key in ((scene_file, "backbone"), (tile_file, "network")):
        path = make(tmp_path / "student.pt", **{key: {"_target_": target, "command": command}})
        with pytest.raises(DataError, match=f"trust='{target}'"):
            ackd.load_student(path)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["hf-hub:stranger/network", "local-dir:/tmp"])
def test_a_student_downloads_nothing_that_its_file_names(name: str, tmp_path: Path) -> None:
    with pytest.raises(AckdError, match="no backbone"):
        ackd.load_student(scene_file(tmp_path / "student.pt", backbone={"name": name}))
    for network in (
        {"name": "smp", "arch": "unet", "encoder": f"tu-{name}"},
        {"name": "smp", "encoder_weights": "imagenet"},
        {"name": "tiny", "imagenet": True},
    ):
        with pytest.raises(AckdError):
            ackd.load_student(tile_file(tmp_path / "student.pt", network=network))


@pytest.mark.parametrize("target", [TARGETS[0], slow(TARGETS[1])])
def test_configurations_in_a_run_folder_are_read_and_never_built(
    target: str, tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = crashed(tmp_path, monkeypatch)
    node = {"_target_": target, "_args_": [f"touch '{mark}'"]}
    stamp = json.loads((folder / "run.json").read_text())
    options = stamp["options"]
    options["student"]["optimizer"] = options["student"]["scheduler"] = node
    options["callbacks"] = {"mine": node}
    options["loss"]["kd"]["vanilla"]["loss"] = options["student"]["backbone"] = node
    (folder / "run.json").write_text(json.dumps(stamp))
    (folder / "config.yaml").write_text(
        yaml.safe_dump(options) + f'evil: !!python/object/apply:os.system ["touch {mark}"]\n'
    )
    result = {"student": {"task": node, "metrics": node}, "teacher": node, "task": node}
    with pytest.raises(ConfigError, match="belongs to a run with other options"):
        toy.run(tmp_path, "unused", *KD, f"ckpt_path={folder}")
    (folder / "result.json").write_text(json.dumps(result))
    assert len(collect(tmp_path)) == 1
    artifacts(["list", "--artifacts", str(tmp_path / "artifacts"), "--outputs", str(tmp_path)])
    call = {"method": "kd", "matching": "random", "dynm.enabled": False, "student.max_epochs": 1}
    places = {
        "outputs": tmp_path,
        "artifacts": tmp_path / "artifacts",
        "trainer.accelerator": "cpu",
    }
    batches = {f"{stage}.batch_size": 8 for stage in ("teacher", "student")}
    assert ackd.run(call | places | batches).folder != folder
    assert not mark.exists()


def test_a_hostile_student_in_the_folder_of_a_run_is_not_trusted_for_its_name(
    tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished run that is found again: its file was exchanged meanwhile."""
    toy.small(monkeypatch)
    call = {
        "method": "baseline", "outputs": tmp_path, "artifacts": tmp_path / "artifacts",
        "student.max_epochs": 1, "student.batch_size": 8, "trainer.accelerator": "cpu",
    }  # fmt: skip
    folder = ackd.run(call).folder
    scene_file(
        folder / "student.pt", backbone={"_target_": "os.system", "command": f"touch {mark}"}
    )
    again = ackd.run(call)
    assert again.folder == folder
    with pytest.raises(DataError, match=r"trust='os\.system'"):
        _ = again.student
    spoil(folder / "student.pt", mark)
    with pytest.raises(DataError, match="can run code"):
        _ = ackd.run(call).student
    with pytest.raises(DamagedError):
        ackd.load_student(plain_pickle(tmp_path / "other.pt", mark))
    assert not mark.exists()


@cache
def calls() -> list[tuple[str, str, ast.Call]]:
    """Every call in the package: its file, what is called, e.g. ``torch.load``, and itself."""
    return [
        (str(path.relative_to(PACKAGE)), dotted(node.func), node)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]


def dotted(node: ast.expr) -> str:
    """``a.b.c``; ``.c`` of something that is not a name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def test_the_package_has_no_way_to_open_a_pickle() -> None:
    forbidden = ("pickle.", "joblib.", "dill.", "marshal.", "shelve.")
    unsafe = ("eval", "exec", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system")
    loads = 0
    for _, name, call in calls():
        asked = ("allow_pickle", "weights_only")
        words = {w.arg: ast.unparse(w.value) for w in call.keywords if w.arg in asked}
        assert not name.startswith(forbidden), ast.unparse(call)
        assert name not in unsafe, ast.unparse(call)
        assert not name.endswith(("load_from_checkpoint", "load_state_dict_from_url"))
        assert words.get("allow_pickle", "False") == "False", ast.unparse(call)
        assert words.get("weights_only", "True") == "True", ast.unparse(call)
        if name == "torch.load":
            loads += 1
            assert words["weights_only"] == "True", ast.unparse(call)
    assert loads


def test_only_options_are_built_from_import_paths() -> None:
    """Whoever builds by an import path is here; a new place has to say whose path that is."""
    builders = {file for file, name, _ in calls() if name in ("instantiate", "locate")}
    composed = {
        "config/check/buildable.py", "config/check/scene_networks.py", "config/launch/callbacks.py",
        "config/launch/schedules.py", "config/launch/targets.py", "stages/objective.py",
        "stages/scene_training.py", "stages/training.py",
    }  # fmt: skip
    # Called with a composed configuration, by users, and by students.file where one is trusted.
    networks = {"backbones/own.py", "segmentation/build.py"}
    assert builders == composed | networks
