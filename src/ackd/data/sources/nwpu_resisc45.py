"""NWPU-RESISC45: aerial photographs of 45 kinds of scene, 0.2 to 30 m a pixel."""

from __future__ import annotations

from typing import Final

from ackd.data.sources.class_folders import ClassFolders

__all__ = ["NWPU_RESISC45"]

_CLASSES = (
    "airplane airport baseball_diamond basketball_court beach bridge chaparral church "
    "circular_farmland cloud commercial_area dense_residential desert forest freeway golf_course "
    "ground_track_field harbor industrial_area intersection island lake meadow medium_residential "
    "mobile_home_park mountain overpass palace parking_lot railway railway_station "
    "rectangular_farmland river roundabout runway sea_ice ship snowberg sparse_residential "
    "stadium storage_tank tennis_court terrace thermal_power_station wetland"
)

NWPU_RESISC45: Final = ClassFolders(
    name="nwpu_resisc45",
    title="NWPU-RESISC45 (Cheng, Han and Lu 2017)",
    modality="rgb",
    folder="NWPU-RESISC45",
    classes=tuple(_CLASSES.split()),
    suffixes=(".jpg", ".jpeg"),
    pool="nwpu_resisc45",
    published="Its authors at Northwestern Polytechnical University publish NWPU-RESISC45.rar.",
)
