"""The data: sensors, sources, benchmarks. Nothing here knows Lightning or Hydra.

Names are imported when they are asked for: the schema needs the options alone, and it must not wait
for NumPy and GDAL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ackd.utils.targets import lazily

if TYPE_CHECKING:
    from ackd.data.assemble import load_benchmark, load_prepared, read_directly
    from ackd.data.benchmark import TEST, TRAIN, VAL, Benchmark, SceneSet
    from ackd.data.benchmarks import BENCHMARKS, find_benchmark
    from ackd.data.class_map import ClassMap, load_class_map
    from ackd.data.manifest import MANIFEST, read_manifest, write_manifest
    from ackd.data.options import ArchiveOptions, FileOptions, FolderOptions, PixelOptions
    from ackd.data.own_folders import OwnData
    from ackd.data.packing import Pack, PackedImages, is_pack, open_pack, pack
    from ackd.data.photographs import read_rgb
    from ackd.data.scenes import Progress, decode, read_ms
    from ackd.data.selection import Selection, select
    from ackd.data.sensors import (
        DEFAULT_BANDS,
        RGB,
        RGB_BANDS,
        SENSORS,
        SENTINEL2,
        Band,
        Sensor,
        find_sensor,
        rgb_bands,
    )
    from ackd.data.splits import FOLDS, PROTOCOLS, assign_splits, stratified_split
    from ackd.data.twins import TWINS, select_scenes

__all__ = [
    "BENCHMARKS",
    "DEFAULT_BANDS",
    "FOLDS",
    "MANIFEST",
    "PROTOCOLS",
    "RGB",
    "RGB_BANDS",
    "SENSORS",
    "SENTINEL2",
    "TEST",
    "TRAIN",
    "TWINS",
    "VAL",
    "ArchiveOptions",
    "Band",
    "Benchmark",
    "ClassMap",
    "FileOptions",
    "FolderOptions",
    "OwnData",
    "Pack",
    "PackedImages",
    "PixelOptions",
    "Progress",
    "SceneSet",
    "Selection",
    "Sensor",
    "assign_splits",
    "decode",
    "find_benchmark",
    "find_sensor",
    "is_pack",
    "load_benchmark",
    "load_class_map",
    "load_prepared",
    "open_pack",
    "pack",
    "read_directly",
    "read_manifest",
    "read_ms",
    "read_rgb",
    "rgb_bands",
    "select",
    "select_scenes",
    "stratified_split",
    "write_manifest",
]

__getattr__ = lazily(
    __name__,
    {
        "assemble": "load_benchmark load_prepared read_directly",
        "benchmark": "Benchmark SceneSet TEST TRAIN VAL",
        "benchmarks": "BENCHMARKS find_benchmark",
        "class_map": "ClassMap load_class_map",
        "manifest": "MANIFEST read_manifest write_manifest",
        "options": "ArchiveOptions FileOptions FolderOptions PixelOptions",
        "own_folders": "OwnData",
        "packing": "Pack PackedImages is_pack open_pack pack",
        "photographs": "read_rgb",
        "scenes": "Progress decode read_ms",
        "selection": "Selection select",
        "sensors": "Band DEFAULT_BANDS RGB RGB_BANDS SENSORS SENTINEL2 Sensor find_sensor "
        "rgb_bands",
        "splits": "FOLDS PROTOCOLS assign_splits stratified_split",
        "twins": "TWINS select_scenes",
    },
)
