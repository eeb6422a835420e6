"""The benchmark of synthetic landscapes: options checked, scenes drawn, both sides put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import TEST, TRAIN, Benchmark, Modality, SceneSet
from ackd.data.datasets.own_classes import check_chosen
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
from ackd.data.synthetic.kept import kept_scenes
from ackd.data.synthetic.layouts import CLASSES
from ackd.data.synthetic.scenes import paint_scene
from ackd.data.synthetic.spectra import BANDS
from ackd.errors import ConfigError
from ackd.utils.progress import Progress

__all__ = ["make_synthetic", "make_synthetic_twins"]

Pixels = NDArray[np.uint16] | NDArray[np.uint8]

# The first number of a scene's random stream: what it is for. Twins photograph the MS scenes.
_MS, _RGB, _TWINS, _MS_TEST, _RGB_TEST = range(5)


def make_synthetic(
    seed: int = 0,
    ms_per_class: int = 60,
    rgb_per_class: int = 120,
    size: int = 32,
    bands: Sequence[str] = DEFAULT_BANDS,
    classes: int | Sequence[str] | None = None,
    progress: Progress | None = None,
    *,
    ms_test_per_class: int = 0,
    rgb_test_per_class: int = 0,
    packs: Path | None = None,
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
        progress: Called with (scenes done, scenes in all) after each scene that is drawn.
        ms_test_per_class: More multispectral scenes of each class that only test, >= 0. They come
            behind all others and depend neither on their number nor on the splits.
        rgb_test_per_class: As many photographs.
        packs: Folder that keeps the drawn scenes for the next time; None keeps nothing.

    Returns:
        A benchmark named "synthetic" with protocol "none"; every scene is marked as training, but
        for those that only test.

    Raises:
        ConfigError: An option is of the wrong kind, out of range or unknown.
    """
    seed = _whole("seed", seed, 0)
    ms_per_class = _whole("ms_per_class", ms_per_class, 1)
    rgb_per_class = _whole("rgb_per_class", rgb_per_class, 1)
    size = _whole("size", size, 8, 256)
    names = _names(classes)
    kept = SENTINEL2.check(bands)

    ms_test_per_class = _whole("ms_test_per_class", ms_test_per_class, 0)
    rgb_test_per_class = _whole("rgb_test_per_class", rgb_test_per_class, 0)
    total = ms_per_class + rgb_per_class + ms_test_per_class + rgb_test_per_class
    draw = _Drawing(seed, names, size, kept, _counter(progress, len(names) * total), packs)
    ms = _scene_set("ms", draw.ms(_MS, ms_per_class), names, kept, seed)
    rgb = _scene_set("rgb", draw.rgb(_RGB, rgb_per_class), names, RGB_BANDS, seed)
    if ms_test_per_class:
        more = draw.ms(_MS_TEST, ms_test_per_class)
        ms = _joined(ms, _scene_set("ms", more, names, kept, seed, only_test=True))
    if rgb_test_per_class:
        photographs = draw.rgb(_RGB_TEST, rgb_test_per_class)
        rgb = _joined(rgb, _scene_set("rgb", photographs, names, RGB_BANDS, seed, only_test=True))
    return Benchmark(
        name="synthetic",
        classes=names,
        ms=ms,
        rgb=rgb,
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
            "ms_test_scenes": len(names) * ms_test_per_class,
            "rgb_test_scenes": len(names) * rgb_test_per_class,
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
            _stream(seed, _MS, number, k), name, side, MS_GSD / 2, MS_REGION, len(BANDS)
        )
        rgb[row] = photograph(
            _stream(seed, _TWINS, number, k), ground[:CAMERA_BANDS], light, rgb.shape[2]
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


def _counter(progress: Progress | None, total: int) -> Callable[[], None]:
    """Return what is called after each scene and counts them for ``progress``."""
    done = 0

    def told() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return told


@dataclass(frozen=True)
class _Drawing:
    """Draws the scenes of one world, or reads them where they were drawn before.

    Attributes:
        seed: Of the world.
        names: The classes.
        size: Side of every image in pixels.
        bands: Of the multispectral scenes.
        told: Called after each scene that is drawn.
        packs: Where drawn scenes are kept; None keeps nothing.
    """

    seed: int
    names: tuple[str, ...]
    size: int
    bands: tuple[str, ...]
    told: Callable[[], None]
    packs: Path | None

    def ms(self, stream: int, per_class: int) -> NDArray[np.uint16]:
        """Make (classes, per_class, bands, size, size) multispectral scenes."""
        rows = [BANDS.index(band) for band in self.bands]
        side = fine_side(self.size)

        def scene(name: str, rng: np.random.Generator) -> Pixels:
            ground, light = paint_scene(rng, name, side, MS_GSD / 2, MS_REGION, len(BANDS))
            return observe(rng, ground, light, self.size)[rows]

        shape, kind = (per_class, len(rows)), np.uint16
        return self._kept(stream, shape, kind, scene, {"bands": list(self.bands)})

    def rgb(self, stream: int, per_class: int) -> NDArray[np.uint8]:
        """Make (classes, per_class, 3, size, size) photographs."""
        side = fine_side(self.size)

        def scene(name: str, rng: np.random.Generator) -> Pixels:
            ground, light = paint_scene(rng, name, side, RGB_GSD / 2, RGB_REGION, CAMERA_BANDS)
            return photograph(rng, ground, light, self.size)

        return self._kept(stream, (per_class, 3), np.uint8, scene, {})

    def _kept(
        self,
        stream: int,
        shape: tuple[int, int],
        kind: type,
        scene: Callable[[str, np.random.Generator], Pixels],
        about: dict[str, Any],
    ) -> NDArray[Any]:
        def draw() -> NDArray[Any]:
            found: NDArray[Any] = np.empty(
                (len(self.names), *shape, self.size, self.size), dtype=kind
            )
            for label, name in enumerate(self.names):
                number = CLASSES.index(name)
                for k in range(shape[0]):
                    found[label, k] = scene(name, _stream(self.seed, stream, number, k))
                    self.told()
            return found

        about |= {"seed": self.seed, "stream": stream, "names": list(self.names)}
        return kept_scenes(self.packs, about | {"shape": [*shape, self.size]}, draw)


def _stream(seed: int, purpose: int, label: int, k: int) -> np.random.Generator:
    """Give each scene a random stream of its own; no two of them share anything."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, label, k)))


def _scene_set(
    modality: Modality,
    images: Pixels,
    names: tuple[str, ...],
    bands: tuple[str, ...],
    seed: int,
    *,
    only_test: bool = False,
) -> SceneSet:
    per_class = images.shape[1]
    place = MS_REGION.name if modality == "ms" else RGB_REGION.name
    mark = "test_" if only_test else ""
    stems = [f"{name}_{mark}{k}" for name in names for k in range(per_class)]
    folders = [name for name in names for _ in range(per_class)]
    return SceneSet(
        modality=modality,
        images=images.reshape(-1, *images.shape[2:]),
        labels=np.repeat(np.arange(len(names), dtype=np.int64), per_class),
        files=np.array(
            [f"synthetic/{modality}/{f}/{s}" for f, s in zip(folders, stems, strict=True)]
        ),
        scene_ids=np.array([f"{place}-{seed}-{stem}" for stem in stems]),
        split=np.full(len(stems), TEST if only_test else TRAIN, dtype=np.int8),
        bands=bands,
        sensor=SENTINEL2.name if modality == "ms" else RGB.name,
    )


def _joined(first: SceneSet, second: SceneSet) -> SceneSet:
    """Put the scenes of ``second`` behind those of ``first``."""
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("images", "labels", "files", "scene_ids", "split")
    }
    return replace(first, **arrays)


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
