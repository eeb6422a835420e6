"""The benchmark of synthetic landscapes: options checked, scenes drawn, both sides put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import TRAIN, Benchmark, Modality, SceneSet
from ackd.data.own_classes import check_chosen
from ackd.data.sensors import DEFAULT_BANDS, RGB, RGB_BANDS, SENTINEL2
from ackd.data.synthetic.canvas import MS_REGION, RGB_REGION
from ackd.data.synthetic.imaging import (
    CAMERA_BANDS,
    MS_GSD,
    RGB_GSD,
    fine_side,
    observe,
    photograph,
)
from ackd.data.synthetic.layouts import CLASSES
from ackd.data.synthetic.scenes import paint_scene
from ackd.data.synthetic.spectra import BANDS
from ackd.errors import ConfigError

__all__ = ["make_synthetic", "make_synthetic_twins"]

#: ``progress(done, total)``, called after each scene.
Progress = Callable[[int, int], None]


def make_synthetic(
    seed: int = 0,
    ms_per_class: int = 60,
    rgb_per_class: int = 120,
    size: int = 32,
    bands: Sequence[str] = DEFAULT_BANDS,
    classes: int | Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Benchmark:
    """Make a benchmark of synthetic landscapes, without any download.

    Multispectral scenes (10 m pixels, top-of-atmosphere reflectance) and photographs (5 m pixels)
    show two different regions in different seasons and light; no place is seen by both. Each scene
    has its own random stream, so asking for more scenes, other bands or fewer classes leaves the
    scenes that remain as they were.

    Args:
        seed: Which world to make, >= 0. The same seed gives the same bytes, given the same
            versions of NumPy, SciPy and Pillow.
        ms_per_class: Multispectral scenes in each class, >= 1.
        rgb_per_class: Photographs in each class, >= 1.
        size: Side of every image in pixels, 8 .. 256.
        bands: Names of the Sentinel-2 bands to keep, in the order wanted.
        classes: How many of the classes to make, from the first on, or which; None makes all.
        progress: Called with (scenes done, scenes in all) after each scene.

    Returns:
        A benchmark named "synthetic" with protocol "none"; every scene is marked as training.

    Raises:
        ConfigError: An option is of the wrong kind, out of range or unknown.
    """
    seed = _whole("seed", seed, 0)
    ms_per_class = _whole("ms_per_class", ms_per_class, 1)
    rgb_per_class = _whole("rgb_per_class", rgb_per_class, 1)
    size = _whole("size", size, 8, 256)
    names = _names(classes)
    kept = SENTINEL2.check(bands)

    total = len(names) * (ms_per_class + rgb_per_class)
    told = progress if progress is not None else (lambda done, total: None)
    rows = [BANDS.index(band) for band in kept]
    ms = np.empty((len(names), ms_per_class, len(rows), size, size), dtype=np.uint16)
    rgb = np.empty((len(names), rgb_per_class, 3, size, size), dtype=np.uint8)
    side, done = fine_side(size), 0
    for label, name in enumerate(names):
        number = CLASSES.index(name)
        for k in range(ms_per_class):
            rng = _stream(seed, 0, number, k)
            ground, light = paint_scene(rng, name, side, MS_GSD / 2, MS_REGION, len(BANDS))
            ms[label, k] = observe(rng, ground, light, size)[rows]
            told(done := done + 1, total)
        for k in range(rgb_per_class):
            rng = _stream(seed, 1, number, k)
            ground, light = paint_scene(rng, name, side, RGB_GSD / 2, RGB_REGION, CAMERA_BANDS)
            rgb[label, k] = photograph(rng, ground, light, size)
            told(done := done + 1, total)

    return Benchmark(
        name="synthetic",
        classes=names,
        ms=_scene_set("ms", ms, names, kept, seed),
        rgb=_scene_set("rgb", rgb, names, RGB_BANDS, seed),
        protocol="none",
        notes={
            "partial": False,
            "partial_reasons": [],
            "twins": {},
            "about": (
                "Synthetic landscapes made from typical material spectra and procedural terrain; "
                "the numbers measured on them say nothing about any real place or sensor."
            ),
            "seed": seed,
            "ms_scenes": len(names) * ms_per_class,
            "rgb_scenes": len(names) * rgb_per_class,
        },
    )


def make_synthetic_twins(
    seed: int = 0,
    per_class: int = 60,
    size: int = 32,
    bands: Sequence[str] = DEFAULT_BANDS,
    classes: int | Sequence[str] | None = None,
) -> Benchmark:
    """Make the symmetric counterpart: every scene is seen by both instruments at one time.

    The multispectral side is that of :func:`make_synthetic`, byte for byte. The photographs show
    the same ground in the same light, at its 10 m pixels.

    Args:
        seed: Which world to make, >= 0.
        per_class: Scenes in each class, >= 1.
        size: Side of every image in pixels, 8 .. 256.
        bands: Names of the Sentinel-2 bands to keep, in the order wanted.
        classes: How many of the classes to make, from the first on, or which; None makes all.

    Returns:
        A benchmark named "synthetic" with protocol "none", whose two sides have equal scene ids;
        its notes say ``twins.mode`` is ``paired``.

    Raises:
        ConfigError: An option is of the wrong kind, out of range or unknown.
    """
    alone = make_synthetic(seed, per_class, 1, size, bands, classes)
    side = fine_side(alone.ms.images.shape[2])
    rgb = np.empty((len(alone.ms), 3, *alone.ms.images.shape[2:]), dtype=np.uint8)
    for row, label in enumerate(alone.ms.labels.tolist()):
        k, name = row % per_class, alone.classes[label]
        number = CLASSES.index(name)
        ground, light = paint_scene(
            _stream(seed, 0, number, k), name, side, MS_GSD / 2, MS_REGION, len(BANDS)
        )
        rgb[row] = photograph(
            _stream(seed, 2, number, k), ground[:CAMERA_BANDS], light, rgb.shape[2]
        )
    photographs = _scene_set(
        "rgb", rgb.reshape(-1, per_class, *rgb.shape[1:]), alone.classes, RGB_BANDS, seed
    )
    return replace(
        alone,
        rgb=replace(photographs, scene_ids=alone.ms.scene_ids),
        notes={**alone.notes, "twins": {"mode": "paired"}, "rgb_scenes": len(rgb)},
    )


def _names(classes: int | Sequence[str] | None) -> tuple[str, ...]:
    if isinstance(classes, Sequence):
        return check_chosen(classes, CLASSES)
    return CLASSES[
        : _whole("classes", len(CLASSES) if classes is None else classes, 2, len(CLASSES))
    ]


def _stream(seed: int, side: int, label: int, k: int) -> np.random.Generator:
    """Give each scene a random stream of its own; no two of them share anything."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(side, label, k)))


def _scene_set(
    modality: Modality,
    images: NDArray[np.uint16] | NDArray[np.uint8],
    names: tuple[str, ...],
    bands: tuple[str, ...],
    seed: int,
) -> SceneSet:
    per_class = images.shape[1]
    place = MS_REGION.name if modality == "ms" else RGB_REGION.name
    stems = [f"{name}_{k}" for name in names for k in range(per_class)]
    folders = [name for name in names for _ in range(per_class)]
    return SceneSet(
        modality=modality,
        images=images.reshape(-1, *images.shape[2:]),
        labels=np.repeat(np.arange(len(names), dtype=np.int64), per_class),
        files=np.array(
            [f"synthetic/{modality}/{f}/{s}" for f, s in zip(folders, stems, strict=True)]
        ),
        scene_ids=np.array([f"{place}-{seed}-{stem}" for stem in stems]),
        split=np.full(len(stems), TRAIN, dtype=np.int8),
        bands=bands,
        sensor=SENTINEL2.name if modality == "ms" else RGB.name,
    )


def _whole(option: str, value: object, low: int, high: int | None = None) -> int:
    """Return ``value`` as an int once it is known to be whole and within its limits."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        number = int(value)
        if low <= number and (high is None or number <= high):
            return number
    span = f"of at least {low}" if high is None else f"from {low} to {high}"
    raise ConfigError(
        f"data.{option} of the synthetic scenes is {value!r}; expected a whole number {span}."
    )
