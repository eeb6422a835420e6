"""NaSC-TG2: natural scenes seen by Tiangong-2, as 14-band tifs and as RGB images."""

from __future__ import annotations

from typing import Final

from ackd.data.sensors import TIANGONG2, TIANGONG2_BANDS
from ackd.data.sources.class_folders import ClassFolders

__all__ = ["NASC_TG2_CLASSES", "NASC_TG2_MS", "NASC_TG2_RGB"]

NASC_TG2_CLASSES: Final = (
    "beach",
    "circularfarmland",
    "cloud",
    "desert",
    "forest",
    "mountain",
    "rectangularfarmland",
    "residential",
    "river",
    "snowberg",
)

_PUBLISHED = (
    "Its authors (Zhou et al. 2021) publish the 14-band and the RGB images, 2,000 a class of each."
)

# The names of the outer folders are ours, after EuroSAT's: the archive is handed out by its
# authors, and copies of it go by several names. The class folders are the publisher's.
NASC_TG2_MS: Final = ClassFolders(
    name="nasc_tg2_ms",
    title="NaSC-TG2, all 14 Tiangong-2 bands (Zhou et al. 2021)",
    modality="ms",
    folder="NaSC-TG2_MS",
    aliases=("NaSC-TG2/MS", "NaSC_TG2_MS", "NaSC_TG2/MS"),
    classes=NASC_TG2_CLASSES,
    suffixes=(".tif", ".tiff"),
    pool="nasc_tg2",
    published=_PUBLISHED,
    sensor=TIANGONG2,
    file_bands=TIANGONG2_BANDS,
    dtypes=("uint8", "uint16"),
)

NASC_TG2_RGB: Final = ClassFolders(
    name="nasc_tg2",
    title="NaSC-TG2, RGB (Zhou et al. 2021)",
    modality="rgb",
    folder="NaSC-TG2_RGB",
    aliases=("NaSC-TG2/RGB", "NaSC_TG2_RGB", "NaSC_TG2/RGB"),
    classes=NASC_TG2_CLASSES,
    suffixes=(".jpg", ".jpeg", ".png"),
    pool="nasc_tg2",
    published=_PUBLISHED,
)
