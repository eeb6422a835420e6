"""``student.pt``: the SAR student alone, with all that is needed to use it elsewhere."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any, Final

import rasterio.crs
from rasterio.transform import from_bounds

from ackd import __version__
from ackd.data.tiles import TileSet
from ackd.geo import ground_resolution
from ackd.runs.predictions import Measured
from ackd.runs.result import commit
from ackd.segmentation import SegmentationNetwork
from ackd.stages.segmentation.training import SegmentTraining
from ackd.students.file import FORMAT
from ackd.utils.io import save_tensors

__all__ = ["export_student", "resolution_of"]

#: Tiles that are asked for the size of their pixels.
_ASKED: Final = 64


def export_student(
    path: Path,
    training: SegmentTraining,
    student: SegmentationNetwork,
    measured: Measured,
    epoch: int | None,
) -> None:
    """Write the student, and nothing of its teacher; :func:`ackd.load_student` reads it.

    Args:
        path: Of the file.
        training: Of the student.
        student: With the weights of the chosen epoch.
        measured: What these weights reach.
        epoch: The chosen one, counted from 0; None of a student that was not fine-tuned.
    """
    config, tiles = training.config, training.tiles
    normaliser = training.data.served.normalisers[training.sensor].cpu()
    content: dict[str, Any] = {
        "format": FORMAT,
        "task": measured.task.title,
        "network": config.network.model_dump(),
        "stride": student.stride,
        "sensor": training.sensor,
        "bands": list(tiles.bands(training.sensor)),
        "classes": list(tiles.classes),
        "size": list(tiles.size),
        "resolution": resolution_of(tiles),
        **_input(training),
        # x = (pixel - mean) / std, a value for each band; 0 where there is no data.
        "mean": normaliser.mean,
        "std": normaliser.std,
        "validation": measured.validation,
        "test": measured.test,
        "test_interval": measured.interval,
        "protocol": tiles.notes.get("split", {}).get("how", config.data.split),
        "epoch": epoch,
        "method": config.method,
        "seed": config.seed,
        "data": tiles.name,
        "experiment": config.name,
        "ackd": __version__,
        "commit": commit(),
        "state_dict": {
            name: tensor.cpu().contiguous() for name, tensor in student.state_dict().items()
        },
    }
    save_tensors(path, content)


def _input(training: SegmentTraining) -> dict[str, Any]:
    """How the files of training were read; the network sees decibels where they are linear."""
    data = training.config.data
    return {
        "unit": getattr(data, "sar_unit", "db"),
        "nodata": getattr(data, f"{training.sensor}_nodata", None),
        "zero_is_nodata": getattr(data, "zero_is_nodata", True),
    }


def resolution_of(tiles: TileSet) -> float | None:
    """Metres of ground per pixel, the median over some tiles; None where places are not known."""
    if tiles.bounds is None or tiles.crs is None:
        return None
    height, width = tiles.size
    crs = rasterio.crs.CRS.from_string(tiles.crs)
    chosen = tiles.bounds[:: max(1, len(tiles) // _ASKED)].tolist()
    found = [
        ground_resolution(from_bounds(*bounds, width, height), crs, height, width)
        for bounds in chosen
    ]
    known = [metres for metres in found if metres is not None]
    return float(f"{median(known):.4g}") if known else None
