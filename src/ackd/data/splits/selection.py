"""Which images a benchmark is made of: listed, twins dealt, counts drawn, and how each is read.

No image is opened here. What a result must say about the choice is in `Selection.notes`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import Modality
from ackd.data.datasets.class_map import ClassMap
from ackd.data.datasets.listing import (
    Listing,
    check_classes,
    check_missing,
    cut_to_common,
    list_side,
    present,
)
from ackd.data.options import FileOptions, PixelOptions, choices_of, recorded
from ackd.data.reading.photographs import with_rgb_max
from ackd.data.sensors import GENERIC, RGB_BANDS
from ackd.data.sources import SOURCES, Source
from ackd.data.splits import split_sides, strata
from ackd.data.splits.twins import select_scenes, shared_scenes
from ackd.errors import ConfigError, DataError, unknown

__all__ = ["DRAWS", "Selection", "bands_of", "draw_images", "reader_of", "select"]

log = logging.getLogger("ackd")

#: The choices of ``data.draw``.
DRAWS: Final = choices_of("draw")

_STREAM = 3  # 0 to 2 shuffle splits and twins from the same seed


@dataclass(frozen=True, eq=False)
class Selection:
    """The images of both sides of a benchmark, chosen but not read.

    Attributes:
        class_map: The benchmark's name and classes, cut to those that both sides have where
            that was asked for.
        roots: The folder that each side's files are relative to.
        ms: The MS images.
        rgb: The RGB images.
        options: What the choice was made with, fit for JSON; see `ackd.data.options.recorded`.
        notes: What a result must say about its data, fit for JSON; see `Benchmark.notes`.
    """

    class_map: ClassMap
    roots: Mapping[Modality, Path]
    ms: Listing
    rgb: Listing
    options: Mapping[str, Any]
    notes: Mapping[str, Any]

    def side(self, modality: Modality) -> Listing:
        """Return the images of one side."""
        return self.ms if modality == "ms" else self.rgb

    def paths(self, modality: Modality) -> list[Path]:
        """Return where each image of one side lies."""
        root = self.roots[modality]
        return [root / record.file for record in self.side(modality).records]

    def splits(self, protocol: str, seed: int, fold: int) -> dict[Modality, NDArray[np.int8]]:
        """Split both sides as a run would; see `ackd.data.splits.split_sides`."""
        sides: dict[Modality, Listing] = {"ms": self.ms, "rgb": self.rgb}
        return split_sides(
            {name: side.scene_ids for name, side in sides.items()},
            {name: side.labels for name, side in sides.items()},
            protocol,
            seed,
            fold,
            paired=self.options["twins"] == "paired",
            classes=self.class_map.classes,
            published={name: side.splits for name, side in sides.items()},
        )


def select(
    roots: Mapping[Modality, Path],
    class_map: ClassMap,
    options: FileOptions,
    known: Mapping[str, Source] = SOURCES,
) -> Selection:
    """List the archives, deal the twins, draw the counts.

    Every option, folder and count is checked here, before the first image is read.

    Args:
        roots: The folder that holds the archives of each side; usually one for both.
        class_map: Which sources the benchmark has and how their classes map.
        options: ``sources``, ``twins``, ``draw``, ``missing_classes`` and ``split_seed`` act
            here. ``draw=paper`` keeps no more images of a class than the class map's
            ``paper_counts``, all sources of a class pooled; ``missing_classes=drop`` cuts the
            benchmark to the classes that both sides have, and marks it as partial.
        known: The sources by name; own ones beside the publishers' come in here.

    Returns:
        The selection.

    Raises:
        ConfigError: If an option is wrong.
        DataError: If a folder or a class is.
    """
    twins, draw, missing = options.twins, options.draw, options.missing_classes
    seed = options.split_seed
    check_draw(draw)
    check_missing(missing)
    chosen = _chosen_sources(class_map, options.sources)
    if missing == "drop":
        class_map, absent = present(roots, class_map, chosen, known)
    else:
        absent = {}
    all_ms = list_side(roots["ms"], "ms", list(class_map.ms), class_map, known)
    all_rgb = list_side(roots["rgb"], "rgb", chosen, class_map, known)
    dropped: dict[str, str] = {}
    if missing == "drop":
        all_ms, all_rgb, class_map, dropped = cut_to_common(all_ms, all_rgb, class_map)
    check_classes(all_ms, all_rgb, class_map)
    ms, rgb = _deal(all_ms, all_rgb, twins, seed)
    _check_dealt(ms, rgb, class_map, twins)
    before = {side.modality: side for side in (ms, rgb)}
    if draw == "paper":
        ms, rgb = _draw(ms, rgb, class_map, twins, seed)
    reasons = partial_reasons(class_map, chosen, all_ms, all_rgb, dropped, absent)
    notes: dict[str, Any] = {
        "class_map": class_map.name,
        "sources": {"ms": list(class_map.ms), "rgb": chosen},
        "partial": bool(reasons),
        "partial_reasons": reasons,
        "dropped_classes": dropped,
        "twins": twin_notes(twins, all_ms, all_rgb, ms, rgb),
        "draw": {
            "mode": draw,
            "seed": seed,
            "left_out": {
                side.modality: len(before[side.modality].records) - len(side.records)
                for side in (ms, rgb)
            },
        },
        "counts": count_notes(class_map, all_ms, all_rgb, ms, rgb),
        "unverified": _unverified(ms),
    }
    return Selection(class_map, dict(roots), ms, rgb, recorded(options, chosen), notes)


def _chosen_sources(class_map: ClassMap, sources: Sequence[str] | None) -> list[str]:
    known = list(class_map.rgb)
    if sources is None:
        return known
    if isinstance(sources, str):
        raise ConfigError(
            f"data.sources={sources} is one text; expected a list: data.sources=[{sources}]."
        )
    for name in sources:
        if name not in known:
            raise unknown("RGB source", str(name), known, "data.sources")
    if not sources or len(set(sources)) < len(sources):
        raise ConfigError(
            f"data.sources=[{','.join(sources)}] should name at least one source, and each once; "
            f"known: {', '.join(known)}."
        )
    # the order given must not matter: neither for the images' order nor for a fingerprint
    return [name for name in known if name in sources]


def _deal(ms: Listing, rgb: Listing, twins: str, seed: int) -> tuple[Listing, Listing]:
    filed = strata(ms.labels), strata(rgb.labels)
    keep_ms, keep_rgb = select_scenes(twins, ms.scene_ids, filed[0], rgb.scene_ids, filed[1], seed)
    return ms.take(keep_ms), rgb.take(keep_rgb)


def _check_dealt(ms: Listing, rgb: Listing, class_map: ClassMap, twins: str) -> None:
    for side in (ms, rgb):
        empty = [label for label, count in side.counts(class_map.classes).items() if not count]
        if empty:
            raise DataError(
                f"data.twins={twins} leaves class '{empty[0]}' without an image on the "
                f"{side.modality.upper()} side; add scenes of it under data.root or choose "
                "another data.twins."
            )


def _draw(
    ms: Listing, rgb: Listing, class_map: ClassMap, twins: str, seed: int
) -> tuple[Listing, Listing]:
    """Cut both sides to the paper's counts; paired sides to one and the same scenes."""
    counts = {class_map.classes.index(k): pair for k, pair in class_map.paper_counts.items()}
    if twins == "paired":
        least = {label: min(pair) for label, pair in counts.items()}
        ms = ms.take(draw_images(ms.scene_ids, strata(ms.labels), least, seed))
        return ms, rgb.take(np.flatnonzero(np.isin(rgb.scene_ids, ms.scene_ids)))
    drawn = []
    for column, side in enumerate((ms, rgb)):
        limits = {label: pair[column] for label, pair in counts.items()}
        drawn.append(
            side.take(draw_images(side.scene_ids, strata(side.labels), limits, seed, column))
        )
    return drawn[0], drawn[1]


def _unverified(ms: Listing) -> list[str]:
    """Say what is not known for certain about the MS camera."""
    sensor = ms.sources[0].sensor
    if getattr(sensor, "verified", True):
        return []
    if sensor.name == GENERIC.name:
        return [
            "the wavelengths of the MS bands are not known, so which of them are red, green and "
            "blue is not verified"
        ]
    said = (
        f"the wavelengths of {sensor.name}'s bands have no citable source here, so which of its "
        "bands are red, green and blue is not verified"
    )
    log.warning("%s", said)
    return [said]


def check_draw(mode: str) -> None:
    """Raise ConfigError if ``mode`` is none of `DRAWS`."""
    if mode not in DRAWS:
        raise unknown("way to draw images", mode, DRAWS, "data.draw")


def draw_images(
    scene_ids: NDArray[np.str_],
    filed: NDArray[np.int64],
    limits: Mapping[int, int],
    seed: int,
    side: int = 0,
) -> NDArray[np.int64]:
    """Draw at most a given number of images of each class.

    A class that has no more than its limit keeps all, so the draw changes nothing where there is
    nothing to cut. The draw of one class depends neither on the other classes nor on the order of
    the images.

    Args:
        scene_ids: (N,) str.
        filed: (N,) the class under which each image is filed, of several the rarest.
        limits: Class -> images at most; a class that is not in it keeps all.
        seed: ``data.split_seed``.
        side: Different numbers give independent draws of one seed.

    Returns:
        Positions of the images that stay, ascending.
    """
    kept = np.ones(len(scene_ids), dtype=np.bool_)
    for label, limit in limits.items():
        members = np.flatnonzero(filed == label)
        if len(members) <= limit:
            continue
        ordered = members[np.argsort(scene_ids[members], kind="stable")]
        shuffled = np.random.default_rng([seed, _STREAM, side, label]).permutation(ordered)
        kept[shuffled[limit:]] = False
    return np.flatnonzero(kept).astype(np.int64)


def partial_reasons(
    class_map: ClassMap,
    chosen: Sequence[str],
    ms: Listing,
    rgb: Listing,
    dropped: Mapping[str, str],
    absent: Mapping[str, Sequence[str]],
) -> list[str]:
    """Say in what the images found fall short of the benchmark; empty where in nothing.

    Args:
        class_map: The benchmark, cut already.
        chosen: The RGB sources in use.
        ms: All MS images found, before twins and draw.
        rgb: All RGB images found.
        dropped: Classes left out -> the side that has no image of them.
        absent: Source -> its classes that are not on disk.
    """
    reasons = []
    unused = [name for name in class_map.rgb if name not in chosen]
    if unused:
        reasons.append(f"without the RGB images of {', '.join(unused)}")
    if dropped:
        reasons.append(
            "without the classes "
            + ", ".join(f"{label} (no {sides} image)" for label, sides in dropped.items())
        )
    reasons += [f"without {name}'s {', '.join(labels)}" for name, labels in absent.items()]
    for column, side in enumerate((ms, rgb)):
        found = side.counts(class_map.classes)
        short = [
            f"{label} {found[label]} of {counts[column]}"
            for label, counts in class_map.paper_counts.items()
            if found[label] < counts[column]
        ]
        if short:
            reasons.append(
                f"fewer {side.modality.upper()} images than in the paper's Table 10: "
                + ", ".join(short)
            )
    return reasons


def twin_notes(
    mode: str, all_ms: Listing, all_rgb: Listing, ms: Listing, rgb: Listing
) -> dict[str, Any]:
    """Count the twins that were found, and where they went."""
    twins = shared_scenes(all_ms.scene_ids, all_rgb.scene_ids)
    return {
        "mode": mode,
        "found": len(twins),
        "kept_as_ms": int(np.isin(twins, ms.scene_ids).sum()),
        "kept_as_rgb": int(np.isin(twins, rgb.scene_ids).sum()),
        "on_both_sides": len(shared_scenes(ms.scene_ids, rgb.scene_ids)),
    }


def count_notes(
    class_map: ClassMap, all_ms: Listing, all_rgb: Listing, ms: Listing, rgb: Listing
) -> dict[str, Any]:
    """Count images a class: found, used, and in the paper."""
    classes = class_map.classes
    return {
        "found": {side.modality: side.counts(classes) for side in (all_ms, all_rgb)},
        "used": {side.modality: side.counts(classes) for side in (ms, rgb)},
        "rgb_used_by_source": {
            source.name: rgb.counts(classes, origin) for origin, source in enumerate(rgb.sources)
        },
        "paper": {
            modality: {label: counts[column] for label, counts in class_map.paper_counts.items()}
            for column, modality in enumerate(("ms", "rgb"))
        },
    }


def bands_of(selection: Selection, bands: Sequence[str] | None) -> dict[Modality, tuple[str, ...]]:
    """Return the channel names of both sides.

    Args:
        selection: Its MS sources must all have the bands.
        bands: The MS bands in the order wanted; all of the files, in the files' order, where None.

    Raises:
        ConfigError: If there is no such band.
    """
    sensors = [source.sensor for source in selection.ms.sources]
    first = selection.ms.sources[0]
    chosen = tuple(getattr(first, "file_bands", ()) or first.sensor.names)
    if bands is not None:
        chosen = tuple(bands)
    for sensor in sensors:
        chosen = sensor.check(chosen)
    return {"ms": chosen, "rgb": RGB_BANDS}


def reader_of(
    selection: Selection, side: Modality, bands: Sequence[str], options: FileOptions
) -> Callable[[Path], NDArray[Any]]:
    """Return what reads the files of one side, each by its own source.

    Raises:
        ConfigError: If RGB files have more than 8 bits per channel and nothing tells what is white.
    """
    listing = selection.side(side)
    paths = selection.paths(side)
    owners = (listing.sources[origin] for origin in listing.origins.tolist())
    owner = dict(zip(paths, owners, strict=True))
    known: PixelOptions = with_rgb_max(paths, options) if side == "rgb" else options
    return lambda path: owner[path].read(path, bands, options.sizes[side], known)
