"""What tifs call their bands (GDAL's band descriptions), and whether all call them alike."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ackd.data.sensors import SENTINEL2

__all__ = ["names_in_file", "other_order"]


def names_in_file(descriptions: Sequence[str | None]) -> tuple[str, ...] | None:
    """The names a file gives its bands, Sentinel-2's as ESA writes them.

    Args:
        descriptions: One for each band; empty where the file has no name for it.

    Returns:
        The names in the order of the file; None unless each band has a name of its own.
    """
    names = [re.sub(r"[^\w.+-]+", "_", (name or "").strip()) for name in descriptions]
    if not all(names):
        return None
    spelled = [_sentinel2_name(name) for name in names]
    # B2 alone may be Landsat's as well; B8A, B12 or a padded B02 are Sentinel-2's
    telling = {"B8A", "B12"} & set(spelled) or any(re.search(r"(?i)B0\d", name) for name in names)
    if telling and all(spelled) and len(set(spelled)) == len(spelled):
        return tuple(str(name) for name in spelled)
    return tuple(names) if len(set(names)) == len(names) else None


def other_order(descriptions: Sequence[str | None], expected: Sequence[str]) -> str | None:
    """How a file names its bands, where that contradicts the order that other files state.

    Names that have nothing in common with the expected ones, such as names with a date in them,
    contradict nothing.

    Args:
        descriptions: Of the file, one for each band.
        expected: The names of the bands, as `names_in_file` gives them.

    Returns:
        None where nothing contradicts; else what the file says, for a message.
    """
    names = names_in_file(descriptions)
    if names is None:
        return "does not name its bands"
    places = {name: place for place, name in enumerate(expected)}
    moved = any(places.get(name, place) != place for place, name in enumerate(names))
    lacking = bool(places.keys() & set(names)) and places.keys() != set(names)
    return f"names its bands {', '.join(names)}" if moved or lacking else None


def _sentinel2_name(description: str) -> str | None:
    found = re.search(r"(?<![A-Za-z0-9])B0?(\d{1,2})(A?)(?![A-Za-z0-9])", description.upper())
    if found is None:
        return None
    name = f"B{found[1]}{found[2]}" if found[2] else f"B{int(found[1]):02}"
    return name if name in SENTINEL2.names else None
