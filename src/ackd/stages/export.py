"""``student.pt``: the student alone, with all that is needed to use it elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ackd import __version__
from ackd.backbones import Backbone
from ackd.config.schema import Config
from ackd.data.benchmark import Benchmark
from ackd.data.options import DataOptions
from ackd.modules import UnpairedDataModule
from ackd.runs.predictions import Measured
from ackd.runs.result import commit
from ackd.stages.trial import image_size
from ackd.students.file import FORMAT
from ackd.utils.io import save_tensors

__all__ = ["export_student"]

EIGHT_BITS = 255


def export_student(
    path: Path,
    config: Config,
    student: Backbone,
    data: UnpairedDataModule,
    *,
    measured: Measured,
    epoch: int | None,
) -> None:
    """Write the student, and nothing of its teacher; :func:`ackd.load_student` reads it.

    Args:
        path: Of the file.
        config: Of the run.
        student: With the weights of the chosen epoch.
        data: Has the RGB images and their normaliser.
        measured: What these weights reach.
        epoch: The chosen one, counted from 0.
    """
    benchmark = data.benchmark
    normaliser = data.normalisers["rgb"].cpu()
    content: dict[str, Any] = {
        "format": FORMAT,
        "task": measured.task.title,
        "backbone": config.student.backbone.model_dump()
        | {"pretrained": False, "size": list(image_size(benchmark.rgb))},
        "sensor": "rgb",
        "bands": list(benchmark.rgb.bands),
        "classes": list(benchmark.classes),
        **_input(benchmark, config.data),
        # x = (pixel - mean) / std, a value for each band.
        "normalization": {"standard": "training statistics", "image_max": "constant"}[
            config.data.normalise
        ],
        "mean": normaliser.mean,
        "std": normaliser.std,
        "validation": measured.validation,
        "test": measured.test,
        "test_interval": measured.interval,
        "protocol": config.data.protocol,
        "epoch": epoch,
        "method": config.method,
        "kd": config.active_losses,
        "seed": config.seed,
        "data": benchmark.name,
        "experiment": config.name,
        "ackd": __version__,
        "commit": commit(),
        "state_dict": {
            name: tensor.cpu().contiguous() for name, tensor in student.state_dict().items()
        },
    }
    save_tensors(path, content)


def _input(benchmark: Benchmark, data: DataOptions) -> dict[str, Any]:
    """What an image has to become before it is normalised."""
    height, width = (int(side) for side in benchmark.rgb.images.shape[-2:])
    return {
        "size": width,
        # The whole image, not a crop: as ackd.data.read_rgb does it with Pillow.
        "resize": {
            "height": height, "width": width, "interpolation": "bilinear", "antialias": True,
            "keep_aspect_ratio": False,
        },
        "value_range": [0, EIGHT_BITS],
        # Of scenes that are drawn, no pixel is invalid and all have 8 bits.
        "nodata": getattr(data, "nodata", "error"),
        "rgb_max": getattr(data, "rgb_max", None),
    }  # fmt: skip
