"""Sources of images: one publisher a file, all behind `Source`."""

from ackd.data.sources.base import Record, Source
from ackd.data.sources.bigearthnet_v1 import BIGEARTHNET_V1
from ackd.data.sources.bigearthnet_v2 import BIGEARTHNET_V2
from ackd.data.sources.class_folders import ClassFolders
from ackd.data.sources.eurosat import EUROSAT_MS, EUROSAT_RGB
from ackd.data.sources.nasc_tg2 import NASC_TG2_MS, NASC_TG2_RGB
from ackd.data.sources.nwpu_resisc45 import NWPU_RESISC45
from ackd.data.sources.patternnet import PATTERNNET
from ackd.data.sources.registry import SOURCES, find_source
from ackd.data.sources.rsi_cb128 import RSI_CB128

__all__ = [
    "BIGEARTHNET_V1",
    "BIGEARTHNET_V2",
    "EUROSAT_MS",
    "EUROSAT_RGB",
    "NASC_TG2_MS",
    "NASC_TG2_RGB",
    "NWPU_RESISC45",
    "PATTERNNET",
    "RSI_CB128",
    "SOURCES",
    "ClassFolders",
    "Record",
    "Source",
    "find_source",
]
