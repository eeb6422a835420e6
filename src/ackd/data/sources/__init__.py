"""Sources of images: one publisher a file, all behind `Source`."""

from ackd.data.sources.base import Record, Source
from ackd.data.sources.class_folders import ClassFolders
from ackd.data.sources.eurosat import EUROSAT_MS, EUROSAT_RGB
from ackd.data.sources.nwpu_resisc45 import NWPU_RESISC45
from ackd.data.sources.patternnet import PATTERNNET
from ackd.data.sources.registry import SOURCES, find_source

__all__ = [
    "EUROSAT_MS",
    "EUROSAT_RGB",
    "NWPU_RESISC45",
    "PATTERNNET",
    "SOURCES",
    "ClassFolders",
    "Record",
    "Source",
    "find_source",
]
