"""The benchmarks by name: from publishers' archives, or as their authors released them.

A benchmark is a class map in ``classmaps`` and its options in ``conf/data``, both under its name;
nothing else lists it. In the authors' own archive (``MS/<class>`` and ``RGB/<class>``) there is
nothing to map: a class is its folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ackd.data.datasets.class_map import ClassMap, load_class_map
from ackd.data.options import BENCHMARKS, choices_of
from ackd.data.sensors import (
    DEFAULT_BANDS,
    EUROSAT_BANDS,
    SENTINEL2,
    SENTINEL2_UNSCALED,
    TIANGONG2,
    TIANGONG2_BANDS,
)
from ackd.data.sources import SOURCES, ClassFolders, Source
from ackd.data.sources.mat_folders import MatFolders
from ackd.errors import unknown

__all__ = ["LAYOUTS", "find_benchmark", "licence_of", "released"]

#: The choices of ``data.layout``.
LAYOUTS: Final = choices_of("layout")

_RELEASED: Final = {"s2s_eu": "S2S_EU", "s2s_cn": "S2S_CN", "m2s_gl": "M2S_GL"}
_PUBLISHED: Final = "The authors of the benchmark (Wei et al. 2026) share it by their repository."


#: Of the images, where their publishers say it.
_LICENCES: Final = {
    "s2s_eu": "EuroSAT is published under the MIT licence and contains modified Copernicus "
    "Sentinel data. NWPU-RESISC45 and PatternNet are published for research: whether a network "
    "that was trained on them may be used otherwise is for their publishers to say.",
}


def licence_of(benchmark: str) -> str | None:
    """What is known of the licences of a benchmark's images; None where nothing is."""
    return _LICENCES.get(benchmark)


def find_benchmark(name: str, layout: str = "publishers") -> tuple[ClassMap, Mapping[str, Source]]:
    """Return a benchmark's class map, and the sources that read its images.

    Args:
        name: One of `ackd.data.BENCHMARKS`.
        layout: ``publishers`` for the archives as published, ``released`` for the authors' own
            folders ``MS`` and ``RGB``.

    Raises:
        ConfigError: If there is no such benchmark or layout.
    """
    if name not in BENCHMARKS:
        raise unknown("benchmark", name, BENCHMARKS, "data.name")
    if layout not in LAYOUTS:
        raise unknown("layout", layout, LAYOUTS, "data.layout")
    return released(name) if layout == "released" else (load_class_map(name), SOURCES)


def released(benchmark: str) -> tuple[ClassMap, dict[str, Source]]:
    """Return the class map and the sources of a benchmark in its authors' own layout.

    Under the root lie ``MS/<class>/*.tif`` (13 EuroSAT bands for S2S-EU, 14 of Tiangong-2 for
    S2S-CN) or, for M2S-GL, ``MS/<class>/*.mat`` with ``msi`` (H, W, 10) and the label vector
    ``label``; and ``RGB/<class>/*.jpg``. The root may also be the folder that holds ``S2S_EU``,
    ``S2S_CN`` or ``M2S_GL``.

    Two things are assumed about M2S-GL, because the authors do not say: the ten bands stand in the
    order of their wavelengths, B02 to B12 with B8A after B08, and labels in the order of the class
    list, which is that of the authors' code. The second is checked in each file against the folder.

    Args:
        benchmark: ``s2s_eu``, ``s2s_cn`` or ``m2s_gl``.

    Returns:
        The class map, of sources ``released_ms`` and ``released_rgb``, with the paper's counts; and
        the two sources by name.

    Raises:
        ConfigError: If the authors released no such benchmark.
    """
    if benchmark not in _RELEASED:
        raise unknown("released benchmark", benchmark, _RELEASED, "data.layout=released")
    class_map = load_class_map(benchmark)
    same = {label: label for label in class_map.classes}
    ms, rgb = _ms(benchmark, class_map.classes), _rgb(benchmark, class_map.classes)
    return (
        ClassMap(
            name=class_map.name,
            classes=class_map.classes,
            ms={ms.name: same},
            rgb={rgb.name: same},
            paper_counts=class_map.paper_counts,
        ),
        {ms.name: ms, rgb.name: rgb},
    )


def _ms(benchmark: str, classes: tuple[str, ...]) -> ClassFolders:
    folder = _RELEASED[benchmark]
    title = f"{folder} as released, MS"
    pool = _pool(benchmark, "ms")
    aliases = (f"{folder}/MS",)
    ordered = tuple(sorted(classes))
    if benchmark == "m2s_gl":
        return MatFolders(
            name="released_ms",
            title=title,
            modality="ms",
            folder="MS",
            classes=ordered,
            suffixes=(".mat",),
            pool=pool,
            published=_PUBLISHED,
            aliases=aliases,
            sensor=SENTINEL2_UNSCALED,
            file_bands=DEFAULT_BANDS,
            dtypes=("uint8", "uint16", "int16", "float32"),
            optional=False,
            vector=classes,
        )
    european = benchmark == "s2s_eu"
    return ClassFolders(
        name="released_ms",
        title=title,
        modality="ms",
        folder="MS",
        classes=ordered,
        suffixes=(".tif", ".tiff"),
        pool=pool,
        published=_PUBLISHED,
        aliases=aliases,
        sensor=SENTINEL2 if european else TIANGONG2,
        file_bands=EUROSAT_BANDS if european else TIANGONG2_BANDS,
        dtypes=("uint16",) if european else ("uint8", "uint16"),
        optional=False,
    )


def _rgb(benchmark: str, classes: tuple[str, ...]) -> ClassFolders:
    folder = _RELEASED[benchmark]
    return ClassFolders(
        name="released_rgb",
        title=f"{folder} as released, RGB",
        modality="rgb",
        folder="RGB",
        classes=tuple(sorted(classes)),
        suffixes=(".jpg", ".jpeg", ".png", ".tif", ".tiff"),
        pool=_pool(benchmark, "rgb"),
        published=_PUBLISHED,
        aliases=(f"{folder}/RGB",),
        optional=False,
    )


def _pool(benchmark: str, modality: str) -> str:
    # S2S-EU has EuroSAT on both sides, and equal names there are one scene seen twice
    return "released/s2s_eu" if benchmark == "s2s_eu" else f"released/{benchmark}/{modality}"
