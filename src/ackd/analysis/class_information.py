"""How much two modalities share within a class, figure 6 of arXiv 2511.08901."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ackd.analysis.information import mutual_information
from ackd.data.benchmark import Benchmark
from ackd.data.sensors import rgb_bands
from ackd.errors import DataError

__all__ = ["ClassInformation", "information_by_class"]

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class ClassInformation:
    """Mutual information of pairs of images, averaged over the pairs of each class.

    Attributes:
        classes: (C,) names.
        symmetric: (C,) nats of twins: one scene, seen by both modalities. NaN for a class without.
        asymmetric: (C,) nats of the same RGB images with a random MS image of their class that is
            not their twin; of all RGB images of the class where there are no twins. NaN for a class
            without.
        pairs: (C,) how many pairs each symmetric mean is over.
    """

    classes: tuple[str, ...]
    symmetric: NDArray[np.float64]
    asymmetric: NDArray[np.float64]
    pairs: NDArray[np.int64]


def information_by_class(
    benchmark: Benchmark, *, reflectance: float = 0.275, limit: int | None = None, seed: int = 0
) -> ClassInformation:
    """Compare the RGB of MS images with RGB images, within each class.

    An MS image gives its red, green and blue band, stretched so that ``reflectance`` becomes 255,
    clipped there and rounded to uint8; it is the stretch of pseudo-RGB. RGB images are taken as
    they are stored. Where the two differ in size, both go to the smaller grid (bilinear,
    antialiased). All splits are used; channels are pooled, see :func:`mutual_information`.

    Args:
        benchmark: Both modalities; twins have equal scene ids (``data.twins=paired`` or ``all``).
        reflectance: What becomes 255.
        limit: RGB images a class at most, drawn by seed; None for all.
        seed: Of all draws. A class's draws do not depend on the other classes.

    Returns:
        Means a class, in nats.

    Raises:
        DataError: The MS bands do not hold red, green and blue, or a pixel is invalid.
        ValueError: RGB images bear several labels.
    """
    ms, rgb = benchmark.ms, benchmark.rgb
    if rgb.multilabel:
        raise ValueError("Pairs within a class need one class an RGB image, but there are several.")
    channels = [ms.bands.index(name) for name in rgb_bands(ms.camera, ms.bands)]
    levels = ms.camera.grey_levels(reflectance)
    grid = tuple(min(a, b) for a, b in zip(ms.images.shape[2:], rgb.images.shape[2:], strict=True))
    row_of = {str(scene): row for row, scene in enumerate(ms.scene_ids)}

    def shared(rgb_row: int, ms_row: int) -> float:
        visible = ms.images[ms_row][channels].astype(np.float32)
        if np.isnan(visible).any() or np.isnan(rgb.images[rgb_row]).any():
            raise DataError(
                f"{ms.files[ms_row]} or {rgb.files[rgb_row]} has invalid pixels, which have no "
                "mutual information; leave such images out by data.nodata=drop."
            )
        stretched = torch.from_numpy((visible + ms.offset) * levels).clamp(0, 255)
        return mutual_information(
            _on_grid(stretched, grid), _on_grid(torch.from_numpy(rgb.images[rgb_row]), grid)
        )

    symmetric: list[float] = []
    asymmetric: list[float] = []
    counts: list[int] = []
    for number in range(len(benchmark.classes)):
        draw = np.random.default_rng([seed, number])
        teachers = np.flatnonzero(ms.labels[:, number] if ms.multilabel else ms.labels == number)
        students = np.flatnonzero(rgb.labels == number)
        with_twin = [row for row in students.tolist() if str(rgb.scene_ids[row]) in row_of]
        rows = np.array(with_twin or students, dtype=np.int64)
        if limit is not None and len(rows) > limit:
            rows = np.sort(draw.choice(rows, limit, replace=False))
        twins: list[float] = []
        strangers: list[float] = []
        for row in rows.tolist():
            twin = row_of.get(str(rgb.scene_ids[row]), -1)
            if twin >= 0:
                twins.append(shared(row, twin))
            others = teachers[teachers != twin]
            if len(others):
                strangers.append(shared(row, int(draw.choice(others))))
        symmetric.append(float(np.mean(twins)) if twins else float("nan"))
        asymmetric.append(float(np.mean(strangers)) if strangers else float("nan"))
        counts.append(len(twins))
    return ClassInformation(
        benchmark.classes, np.array(symmetric), np.array(asymmetric), np.array(counts)
    )


def _on_grid(image: Tensor, grid: tuple[int, ...]) -> Images:
    """Bring a (3, H, W) image of grey levels to a grid, as uint8."""
    levels = image.to(torch.float32)
    if levels.shape[1:] != grid:
        levels = functional.interpolate(
            levels[None], size=grid, mode="bilinear", antialias=True, align_corners=False
        )[0]
    found: Images = levels.round().clamp(0, 255).to(torch.uint8).numpy()
    return found
