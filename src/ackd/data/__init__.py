"""The data: sensors, sources, benchmarks. Nothing here knows Lightning or Hydra."""

from ackd.data.assemble import load_benchmark
from ackd.data.benchmark import TEST, TRAIN, VAL, Benchmark, SceneSet
from ackd.data.benchmarks import load_s2s_eu
from ackd.data.class_map import ClassMap, load_class_map
from ackd.data.own_folders import own_folders
from ackd.data.released import released
from ackd.data.scenes import Progress, decode, read_ms, read_rgb
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
    "DEFAULT_BANDS",
    "FOLDS",
    "PROTOCOLS",
    "RGB",
    "RGB_BANDS",
    "SENSORS",
    "SENTINEL2",
    "TEST",
    "TRAIN",
    "TWINS",
    "VAL",
    "Band",
    "Benchmark",
    "ClassMap",
    "Progress",
    "SceneSet",
    "Sensor",
    "assign_splits",
    "decode",
    "find_sensor",
    "load_benchmark",
    "load_class_map",
    "load_s2s_eu",
    "own_folders",
    "read_ms",
    "read_rgb",
    "released",
    "rgb_bands",
    "select_scenes",
    "stratified_split",
]
