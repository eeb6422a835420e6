"""The data: from files on disk to images with labels and splits, without Lightning or Hydra.

One room per question, and each room knows only those above it:

=============== ==================================================================================
``reading``     How does a file become pixels, and can its numbers be right?
``sources``     How is a publisher's archive listed and read? One file per publisher.
``datasets``    Which benchmarks are there, which classes have they, which files are on disk?
``splits``      Which of those images are used, for training, validation or test?
``cache``       Where are decoded images kept, and when are they valid?
``own_folders`` What is in a user's own folders, and what must the user be asked?
``synthetic``   How are landscapes drawn where there is no archive?
``tiles``       How are pairs of optical and SAR tiles read, checked, kept and cut into batches?
=============== ==================================================================================

`benchmark` is what comes out of them, `assemble` puts it together, `options` says what a user may
choose, `sensors` names the bands, `pairs` makes batches, `normalise` and `pseudo_rgb` turn stored
numbers into what a network sees; `row_batches` is what batches of both kinds of data share. Paired
tiles with masks are another kind of data set, `tiles.tile_set` beside `benchmark`, which reading,
splits and cache serve as well.

Names are imported when they are asked for: the schema needs the options alone, and it must not wait
for NumPy and GDAL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ackd.utils.targets import lazily

if TYPE_CHECKING:
    from ackd.data.assemble import load_benchmark, load_prepared, read_directly
    from ackd.data.benchmark import TEST, TRAIN, VAL, Benchmark, SceneSet
    from ackd.data.cache import Pack, PackedImages, is_pack, open_pack, pack
    from ackd.data.datasets.benchmarks import find_benchmark
    from ackd.data.datasets.class_map import ClassMap, load_class_map
    from ackd.data.options import (
        BENCHMARKS,
        ArchiveOptions,
        FileOptions,
        FolderOptions,
        PixelOptions,
    )
    from ackd.data.own_folders import OwnData
    from ackd.data.reading.multispectral import Progress, decode, read_ms
    from ackd.data.reading.photographs import read_rgb
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
    from ackd.data.splits.manifest import MANIFEST, read_manifest, write_manifest
    from ackd.data.splits.selection import Selection, select
    from ackd.data.splits.twins import TWINS, select_scenes

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
        "datasets.benchmarks": "find_benchmark",
        "datasets.class_map": "ClassMap load_class_map",
        "splits.manifest": "MANIFEST read_manifest write_manifest",
        "options": "ArchiveOptions BENCHMARKS FileOptions FolderOptions PixelOptions",
        "own_folders": "OwnData",
        "cache": "Pack PackedImages is_pack open_pack pack",
        "reading.photographs": "read_rgb",
        "reading.multispectral": "Progress decode read_ms",
        "splits.selection": "Selection select",
        "sensors": "Band DEFAULT_BANDS RGB RGB_BANDS SENSORS SENTINEL2 Sensor find_sensor "
        "rgb_bands",
        "splits": "FOLDS PROTOCOLS assign_splits stratified_split",
        "splits.twins": "TWINS select_scenes",
    },
)
