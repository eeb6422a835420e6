"""The benchmarks by name: which class map, where its archives lie, which defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ackd.data.datasets.class_map import ClassMap, load_class_map
from ackd.data.datasets.released import released
from ackd.data.sources import SOURCES, Source
from ackd.errors import unknown

__all__ = ["BENCHMARKS", "LAYOUTS", "find_benchmark"]

#: The benchmarks of the paper, and what can be had of M2S-GL from BigEarthNet v2.
BENCHMARKS: Final = ("s2s_eu", "s2s_cn", "m2s_gl", "m2s_gl_v2")

#: The choices of ``data.layout``.
LAYOUTS: Final = ("publishers", "released")


def find_benchmark(name: str, layout: str = "publishers") -> tuple[ClassMap, Mapping[str, Source]]:
    """Return a benchmark's class map, and the sources that read its images.

    Args:
        name: One of `BENCHMARKS`.
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
