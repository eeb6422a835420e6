"""User folders of class folders, written small, and what is seen in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ackd.data.own_folders import OwnData, ready
from ackd.errors import ConfigError, DataError
from tests.data.layouts import write_jpg, write_tif
from tests.data.patch_layouts import numbered_pixels


def write_own(
    root: Path,
    classes: tuple[str, ...] = ("field", "wood"),
    *,
    bands: int = 5,
    names: Sequence[str] | None = None,
    images: int = 5,
    size: int = 8,
    rgb_size: int = 8,
) -> None:
    for label in classes:
        for number in range(1, images + 1):
            pixels = numbered_pixels(bands, size)
            write_tif(root / "ms" / label / f"{number}.tif", pixels, descriptions=names)
            write_jpg(root / "rgb" / label / f"{number}.jpg", number, rgb_size)


def look(root: Path, **options: Any) -> OwnData:
    return OwnData.look(root / "ms", root / "rgb", **options)


def describe(root: Path, **options: Any) -> Any:
    own = ready(look(root, **options))
    return own.class_map, own.sources


def refusal(root: Path, **options: Any) -> str:
    with pytest.raises((ConfigError, DataError)) as caught:
        describe(root, **options)
    return str(caught.value)


def assert_about_own_folders(text: str) -> None:
    """Nobody can get a user's own images from a publisher."""
    for word in ("data.root", "data.sources", "archive", "publish", "npack", "benchmark", "  "):
        assert word not in text, text
