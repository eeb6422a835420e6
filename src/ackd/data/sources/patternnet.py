"""PatternNet: high-resolution photographs (0.06 to 4.7 m a pixel) of 38 kinds of scene."""

from __future__ import annotations

from typing import Final

from ackd.data.sources.class_folders import ClassFolders

__all__ = ["PATTERNNET"]

_CLASSES = (
    "airplane baseball_field basketball_court beach bridge cemetery chaparral christmas_tree_farm "
    "closed_road coastal_mansion crosswalk dense_residential ferry_terminal football_field forest "
    "freeway golf_course harbor intersection mobile_home_park nursing_home oil_gas_field oil_well "
    "overpass parking_lot parking_space railway river runway runway_marking shipping_yard "
    "solar_panel sparse_residential storage_tank swimming_pool tennis_court transformer_station "
    "wastewater_treatment_plant"
)

PATTERNNET: Final = ClassFolders(
    name="patternnet",
    title="PatternNet (Zhou et al. 2018)",
    modality="rgb",
    folder="PatternNet",
    inner="images",
    classes=tuple(_CLASSES.split()),
    suffixes=(".jpg", ".jpeg"),
    pool="patternnet",
    published="Its authors at Wuhan University publish PatternNet.zip.",
)
