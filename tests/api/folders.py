"""Plain folders of a user, so small that the whole pipeline takes seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from ackd.data.sensors import EUROSAT_BANDS
from ackd.data.synthetic import make_synthetic
from tests.data.layouts import write_tif

PER_CLASS = 10
#: What makes it quick: small networks, one epoch, no bars.
QUICK: dict[str, Any] = {
    "teacher": "shufflenetv2_x0_5", "student": "test_resnet", "epochs": 1, "kd": "vanilla",
    "matcher__backbone__name": "test_resnet", "transport": "off", "trainer__accelerator": "cpu",
    "ska__patches": "pooled", "planner__heads": 2,
}  # fmt: skip


def write_scenes(root: Path, *, described: bool = False) -> dict[str, Path]:
    """MS tifs of EuroSAT's bands, with their names in the files or not, and photographs."""
    made = make_synthetic(
        ms_per_class=PER_CLASS, rgb_per_class=PER_CLASS, size=32, bands=EUROSAT_BANDS, classes=3
    )
    for row, label in enumerate(made.ms.labels.tolist()):
        name = made.classes[label]
        names = EUROSAT_BANDS if described else None
        write_tif(root / "ms" / name / f"{row}.tif", made.ms.images[row], descriptions=names)
        path = root / "rgb" / name / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(made.rgb.images[row].transpose(1, 2, 0)).save(path)
    return {"ms": root / "ms", "rgb": root / "rgb"}
