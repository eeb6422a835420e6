"""A student says of the files of a run what the run wrote down of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ackd
from ackd.data.sensors import EUROSAT_BANDS
from ackd.data.synthetic import make_synthetic
from ackd.segment import check as check_segmentation
from ackd.stages.pipeline import run_pipeline
from ackd.stages.segmentation.context import open_context
from ackd.train import train
from tests.data.layouts import write_tif
from tests.slow import slow
from tests.stages import toy
from tests.stages.segmentation import toy as tiles_toy
from tests.stages.segmentation.test_own_pairs import write as write_pairs

PER_CLASS = 15


def write_folders(root: Path) -> None:
    """MS tifs of 32 pixels, and photographs of 50 x 60, which the run resizes."""
    made = make_synthetic(
        ms_per_class=PER_CLASS, rgb_per_class=PER_CLASS, size=32, bands=EUROSAT_BANDS, classes=3
    )
    for row, label in enumerate(made.ms.labels.tolist()):
        name = made.classes[label]
        write_tif(root / "ms" / name / f"{row}.tif", made.ms.images[row])
        path = root / "rgb" / name / f"{row}.{'png' if row % 3 == 0 else 'jpg'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(made.rgb.images[row].transpose(1, 2, 0)).resize((50, 60)).save(path)


@pytest.mark.parametrize("normalise", ["standard", slow("image_max")])
def test_own_folders_of_rgb_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, normalise: str
) -> None:
    monkeypatch.setenv("ACKD_RUN_FOLDER", "")
    write_folders(tmp_path)
    words = [
        "data=folders", f"data.ms={tmp_path / 'ms'}", f"data.rgb={tmp_path / 'rgb'}",
        "data.sensor=sentinel2", f"data.file_bands=[{','.join(EUROSAT_BANDS)}]",
        f"data.normalise={normalise}", "method=baseline", "transport=off", "student.max_epochs=8",
        "student.batch_size=4",
    ]  # fmt: skip
    result = train(toy.composed(tmp_path, *words), tmp_path / "run")
    student = ackd.load_student(tmp_path / "run")
    assert student.size == (32, 32)
    assert student.about["test"] == result["student"]["metrics"]
    assert not student.unknown
    with (tmp_path / "run" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 6
    # After a step or two it would say the same of every image.
    assert np.std([float(row[student.classes[0]]) for row in rows]) > 1e-2
    paths = [next((tmp_path / "rgb").rglob(Path(row["file"]).name)) for row in rows]
    assert {path.suffix for path in paths} == {".jpg", ".png"}
    for row, said in zip(rows, student.predict(paths, batch_size=5), strict=True):
        assert said.label == row["predicted"]
        written = [float(row[name]) for name in student.classes]
        np.testing.assert_allclose(said.logits, written, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("unit", ["db", "linear"])
def test_own_pairs_of_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: str) -> None:
    monkeypatch.setenv("ACKD_RUN_FOLDER", "")
    root = write_pairs(tmp_path / "pairs")
    if unit == "linear":
        to_linear(root / "sar")
    words = [
        "data=pairs", *(f"data.{side}={root / side}" for side in ("optical", "sar", "masks")),
        f"data.sar_unit={unit}", "data.val=4", "data.test=4", "row=sar", "epochs.finetune=3",
    ]  # fmt: skip
    (tmp_path / "run").mkdir()
    config = check_segmentation(tiles_toy.composed(tmp_path, *words))
    result = run_pipeline(open_context(config), tmp_path / "run", resume=False)  # type: ignore[arg-type]
    student = ackd.load_student(tmp_path / "run")
    assert student.about["test"] == result["student"]["metrics"]
    assert student.resolution == pytest.approx(0.5, rel=1e-3)  # UTM stretches the ground a little
    assert not student.unknown
    stored = sorted((tmp_path / "run" / "predictions").glob("*.png"))
    assert len(stored) == 4
    found = set()
    for path in stored:
        said = student.predict(root / "sar" / f"{path.stem}_sar.tif")
        expected = np.asarray(Image.open(path))
        np.testing.assert_array_equal(said.mask, expected)
        found |= set(np.unique(expected).tolist())
    assert found == {0, 1, 255}


def to_linear(folder: Path) -> None:
    import rasterio

    for path in folder.glob("*.tif"):
        with rasterio.open(path, "r+") as file:
            pixels = file.read()
            file.write(np.where(pixels == 0, 0, np.float32(10) ** (pixels / 10)))
