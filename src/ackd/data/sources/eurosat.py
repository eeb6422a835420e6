"""EuroSAT: the same Sentinel-2 scenes of Europe as 13-band tifs and as RGB jpgs."""

from __future__ import annotations

from typing import Final

from ackd.data.sensors import EUROSAT_BANDS, SENTINEL2
from ackd.data.sources.class_folders import ClassFolders

__all__ = ["EUROSAT_CLASSES", "EUROSAT_MS", "EUROSAT_RGB"]

EUROSAT_CLASSES: Final = (
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
)

_ALL_BANDS: Final = "ds/images/remote_sensing/otherDatasets/sentinel_2/tif"

EUROSAT_MS: Final = ClassFolders(
    name="eurosat_ms",
    title="EuroSAT, all 13 Sentinel-2 bands (Helber et al. 2018)",
    modality="ms",
    folder="EuroSAT_MS",
    classes=EUROSAT_CLASSES,
    suffixes=(".tif", ".tiff"),
    pool="eurosat",
    published="Zenodo record 7711810 has it as EuroSAT_MS.zip.",
    # the first archive that the authors published, unpacked here or in a folder of its name
    aliases=(_ALL_BANDS, f"EuroSATallBands/{_ALL_BANDS}", "EuroSATallBands"),
    sensor=SENTINEL2,
    file_bands=EUROSAT_BANDS,
)

EUROSAT_RGB: Final = ClassFolders(
    name="eurosat",
    title="EuroSAT, RGB (Helber et al. 2018)",
    modality="rgb",
    folder="EuroSAT_RGB",
    classes=EUROSAT_CLASSES,
    suffixes=(".jpg", ".jpeg"),
    pool="eurosat",
    published="Zenodo record 7711810 has it as EuroSAT_RGB.zip.",
    aliases=("2750", "EuroSAT/2750", "EuroSAT"),  # EuroSAT.zip of the authors unpacks to 2750
)
