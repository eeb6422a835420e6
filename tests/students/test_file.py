"""``student.pt`` is read without running what is in it, and what is wrong with it is said."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import ackd
from ackd.backbones import Backbone, Outputs
from ackd.errors import DamagedError, DataError
from ackd.students.file import FORMAT
from tests.students.files import scene_file, tile_file

IMAGE = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)


class Hostile:
    """Pickled, it runs a command when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def test_a_hostile_file_runs_nothing(tmp_path: Path) -> None:
    path, mark = scene_file(tmp_path / "student.pt"), tmp_path / "mark"
    content = torch.load(path, weights_only=True)
    torch.save({**content, "method": Hostile(mark)}, path)
    with pytest.raises(DataError, match=r"system.*can run code when they are opened, so it was"):
        ackd.load_student(path)
    assert not mark.exists()
    with path.open("rb") as file:  # that it would have, without the guard
        assert zipfile.is_zipfile(file)
    torch.load(path, weights_only=False)
    assert mark.exists()


def test_a_hostile_pickle_without_an_archive_runs_nothing(tmp_path: Path) -> None:
    path, mark = tmp_path / "student.pt", tmp_path / "mark"
    path.write_bytes(pickle.dumps(Hostile(mark)))
    with pytest.raises(DamagedError):
        ackd.load_student(path)
    assert not mark.exists()


@pytest.mark.parametrize("make", [scene_file, tile_file])
def test_a_network_of_ones_own_needs_trust(make: object, tmp_path: Path) -> None:
    key = "backbone" if make is scene_file else "network"
    for target in ("os.system", "ackd.utils.io.write_text", "tests.students.test_file.Own"):
        path = make(tmp_path / "student.pt", **{key: {"_target_": target}})  # type: ignore[operator]
        with pytest.raises(DataError, match=rf"trust='{target}'"):
            ackd.load_student(path)
        with pytest.raises(DataError, match="trust"):
            ackd.load_student(path, trust=("tests.other", "o", "ackd.utils.io.write"))


class Own(Backbone):
    """A network of somebody's own."""

    def __init__(self, bands: int, classes: int, width: int = 2) -> None:
        super().__init__(width, width, bands, classes)
        self.first = torch.nn.Conv2d(bands, width, 3)
        self.head = torch.nn.Linear(width, classes)

    def run(self, x: torch.Tensor) -> Outputs:
        maps = self.first(x)
        zbar = maps.mean(dim=(2, 3))
        return Outputs(maps.flatten(2).mT, zbar, self.head(zbar), (22, 22))


@pytest.mark.parametrize("trust", [f"{__name__}.Own", __name__])
def test_a_trusted_network_is_built(trust: str, tmp_path: Path) -> None:
    path = scene_file(
        tmp_path / "student.pt",
        backbone={"name": "", "_target_": f"{__name__}.Own", "width": 3},
        state_dict=Own(3, 3, 3).state_dict(),
    )
    student = ackd.load_student(path, trust=trust)
    assert student.predict(IMAGE).label in student.classes
    assert isinstance(student.network, Own)


def test_pretrained_weights_are_never_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    elsewhere = {"name": "shufflenetv2_x0_5", "pretrained": str(tmp_path / "not_there.pt")}
    assert ackd.load_student(scene_file(tmp_path / "student.pt", backbone=elsewhere))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"format": FORMAT + 1}, rf"has the format {FORMAT + 1}.*up to {FORMAT}; update ackd"),
        ({"classes": "left out"}, r"is not a student: it has no classes"),
        ({"backbone": "left out"}, "it has no backbone or network"),
        ({"pytorch-lightning_version": "2.6"}, r"checkpoint of a training.*student\.pt"),
        ({"mean": torch.zeros(2)}, "its mean has not one number for each band"),
        ({"task": "counting"}, "is of the task 'counting'; .* scene classification"),
        ({"state_dict": {}}, "cannot be built again"),
        ({"backbone": {"name": "shufflenetv2_x0_5", "bands": 7}}, "cannot be built again"),
        ({"bands": [1, 2, 3]}, "its bands are"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    changed: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=said):
        ackd.load_student(scene_file(tmp_path / "student.pt", **changed))


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    path = scene_file(tmp_path / "student.pt")
    with pytest.raises(DataError, match=r"There is no student .*studnet\.pt.*Did you mean"):
        ackd.load_student(tmp_path / "studnet.pt")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DamagedError, match="is damaged"):
        ackd.load_student(path)


def test_a_folder_of_a_run_will_do_and_the_file_is_told(tmp_path: Path) -> None:
    scene_file(tmp_path / "student.pt")
    before = torch.random.get_rng_state()
    student = ackd.load_student(tmp_path)
    assert torch.equal(before, torch.random.get_rng_state())
    assert student.path == tmp_path / "student.pt"
    assert student.classes == ("forest", "river", "town")
    assert (student.bands, student.size, student.sensor) == (("R", "G", "B"), (24, 24), "rgb")
    assert student.task.name == "scene"
    assert student.about["test"] == {"oa": 0.9, "f1": 0.88}
    assert student.about["parameters"] == sum(p.numel() for p in student.network.parameters())
    assert "state_dict" not in student.about
    assert not student.unknown
    assert "forest, river, town" in repr(student)
    assert not student.network.training


def test_files_of_the_first_format_load(tmp_path: Path) -> None:
    whole = ackd.load_student(scene_file(tmp_path / "new.pt"))
    names = ("format", "task", "sensor", "resize", "nodata", "rgb_max", "test", "ackd")
    old = ackd.load_student(scene_file(tmp_path / "old.pt", **dict.fromkeys(names, "left out")))
    np.testing.assert_array_equal(old.predict(IMAGE).logits, whole.predict(IMAGE).logits)
    assert len(old.unknown) == 2
    assert "taken for one class per image" in old.unknown[0]


def test_segmentation_students_of_earlier_versions_load(tmp_path: Path) -> None:
    whole = ackd.load_student(tile_file(tmp_path / "new.pt"))
    names = ("size", "unit", "nodata", "zero_is_nodata")
    old = ackd.load_student(tile_file(tmp_path / "old.pt", **dict.fromkeys(names, "left out")))
    tile = np.random.default_rng(0).normal(-15, 4, (2, 20, 20)).astype(np.float32)
    np.testing.assert_array_equal(old.predict(tile).mask, whole.predict(tile).mask)
    assert old.size is None
    assert "by their mean they are decibels" in old.unknown[0]


@pytest.mark.slow
def test_a_student_needs_neither_lightning_nor_hydra(tmp_path: Path) -> None:
    program = (
        "import sys, ackd\n"
        "assert not {'torch', 'numpy'} & set(sys.modules), 'import ackd is not light'\n"
        "for path in sys.argv[1:]:\n"
        "    ackd.load_student(path)\n"
        "print(*sorted({'lightning', 'pytorch_lightning', 'hydra', 'omegaconf'}"
        " & set(sys.modules)))"
    )
    files = [str(scene_file(tmp_path / "a.pt")), str(tile_file(tmp_path / "b.pt"))]
    environment = os.environ | {"PYTHONPATH": str(Path(ackd.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program, *files],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == ""
