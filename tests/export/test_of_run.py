"""The images of a run are found again by its ``config.yaml``, whatever else that says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import ackd
from ackd.command import train
from ackd.errors import DataError
from ackd.export import export_student
from ackd.export.compare import measured, run_graph
from ackd.export.graph import AnyStudent, StudentGraph
from ackd.export.of_run import RunImages, open_run
from tests.export.students import scenes, tiles
from tests.stages import toy
from tests.stages.segmentation import toy as tiles_toy
from tests.stages.segmentation.test_own_pairs import write as write_pairs
from tests.students.test_runs import to_linear, write_folders


def metrics_of(student: AnyStudent, split: str) -> dict[str, float | None]:
    found = open_run(student).samples(split, 1000)  # type: ignore[arg-type]
    assert found.labelled
    run = run_graph(StudentGraph(student).eval())
    batches = ((torch.from_numpy(run(s.pixels[None])), [s.target]) for s in found.images)
    return measured(student, batches)


@pytest.mark.slow
def test_scenes_of_a_run_have_its_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACKD_RUN_FOLDER", "")
    write_folders(tmp_path)
    from ackd.data.sensors import EUROSAT_BANDS

    words = [
        "data=folders", f"data.ms={tmp_path / 'ms'}", f"data.rgb={tmp_path / 'rgb'}",
        "data.sensor=sentinel2", f"data.file_bands=[{','.join(EUROSAT_BANDS)}]",
        "method=baseline", "transport=off", "student.max_epochs=3", "student.batch_size=4",
    ]  # fmt: skip
    train(toy.composed(tmp_path, *words), tmp_path / "run")
    student = ackd.load_student(tmp_path / "run")
    found = metrics_of(student, "test")
    assert found == pytest.approx(student.about["test"])
    few = open_run(student).samples("train", 5)
    assert len(few.images) == 5
    written = export_student(student, format="safetensors", data=few)
    card = written.card.read_text(encoding="utf-8")
    assert "5 images of the training images of its run" in card
    assert " train, " in card  # the splits of its result.json


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["db", "linear"])
def test_tiles_of_a_run_have_its_metrics(
    unit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACKD_RUN_FOLDER", "")
    root = write_pairs(tmp_path / "pairs")
    if unit == "linear":
        to_linear(root / "sar")
    words = [
        "data=pairs", *(f"data.{side}={root / side}" for side in ("optical", "sar", "masks")),
        f"data.sar_unit={unit}", "data.val=4", "data.test=4", "row=sar", "epochs.finetune=3",
    ]  # fmt: skip
    train(tiles_toy.composed(tmp_path, *words), tmp_path / "run")
    student = ackd.load_student(tmp_path / "run")
    assert metrics_of(student, "test") == pytest.approx(student.about["test"], abs=1e-4)


def test_without_a_run_a_folder_is_asked_for(tmp_path: Path) -> None:
    student = scenes(tmp_path / "student.pt")
    with pytest.raises(DataError, match=r"There is no config\.yaml beside .*name a folder"):
        open_run(student)
    for text in ("seed: 3", "data: {name: folder}", "data: [", "data: {name: synthetic}"):
        (tmp_path / "config.yaml").write_text(text)
        with pytest.raises(DataError, match="does not say what the student was trained on"):
            open_run(student)


def test_a_hostile_configuration_runs_nothing(tmp_path: Path) -> None:
    student = scenes(tmp_path / "student.pt")
    mark = tmp_path / "mark"
    order = f"!!python/object/apply:os.system ['touch {mark}']"
    for text in (f"data: {order}", f"teacher: {order}\ndata: {{name: synthetic}}"):
        (tmp_path / "config.yaml").write_text(text)
        with pytest.raises(DataError, match="name a folder of images instead"):
            open_run(student)
    assert not mark.exists()
    yaml.unsafe_load(text)  # that it would have, without the guard
    assert mark.exists()


def test_images_of_another_run_are_refused(tmp_path: Path) -> None:
    student = tiles(tmp_path / "student.pt")
    images = tiles_toy.tiles()
    assert RunImages(student, images).samples("test", 2).labelled
    for changed, said in (
        ({"classes": ("land", "water")}, "classes land, water, but .* on ground, building"),
        ({"sar_bands": ("VH", "VV")}, "bands VH, VV, but the student was trained on VV, VH"),
    ):
        with pytest.raises(DataError, match=said):
            RunImages(student, replace(images, **changed))
    nothing = replace(images, split=np.zeros_like(images.split))
    with pytest.raises(DataError, match="none of the test images of its run"):
        RunImages(student, nothing).samples("test", 2)
