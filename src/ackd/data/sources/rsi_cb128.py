"""RSI-CB128: crowd-labelled photographs, 128 x 128 at 0.3 to 3 m a pixel, of 45 kinds of scene."""

from __future__ import annotations

from typing import Final

from ackd.data.sources.class_folders import ClassFolders

__all__ = ["RSI_CB128"]

_CLASSES = (
    "airport_runway artificial_grassland avenue bare_land bridge city_avenue city_building "
    "city_green_tree city_road coastline container crossroads dam desert dry_farm forest fork_road "
    "grave green_farmland highway hirst lakeshore mangrove marina mountain mountain_road "
    "natural_grassland overpass parkinglot pipeline rail residents river river_protection_forest "
    "sandbeach sapling sea shrubwood snow_mountain sparse_forest storage_room stream tower town "
    "turning_circle"
)

# The archive puts the classes into folders of land use ("water area", "other land", ...). Their
# names differ between copies ("cultivated land", "cultivate land"), so they are not asked for.
RSI_CB128: Final = ClassFolders(
    name="rsi_cb128",
    title="RSI-CB128 (Li et al. 2020)",
    modality="rgb",
    folder="RSI-CB128",
    grouped=True,
    classes=tuple(_CLASSES.split()),
    suffixes=(".tif", ".tiff", ".jpg", ".jpeg", ".png"),
    pool="rsi_cb128",
    published="Its authors publish RSI-CB128.rar by their GitHub repository lehaifeng/RSI-CB.",
)
