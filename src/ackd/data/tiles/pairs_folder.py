"""The user's own pairs: a folder of optical images, one of SAR images, and one of labels."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from ackd.data.tiles.faults import Faults, told
from ackd.data.tiles.matching import IMAGES, Named, files_in, match
from ackd.data.tiles.options import PairsOptions, SarUnit
from ackd.data.tiles.pairs_masks import PairsMasks, mask_files_of
from ackd.data.tiles.place_index import find_index, read_places
from ackd.data.tiles.rasters import Head, Place, read_head, read_image
from ackd.data.tiles.source import MaskReader, TilePixels, both_valid
from ackd.data.tiles.tile_set import Side
from ackd.data.tiles.units import in_decibels, look_at
from ackd.errors import ConfigError, DataError, ImageError, unknown

__all__ = ["PairsFolder"]

log = logging.getLogger("ackd")

ValueT = TypeVar("ValueT")

_KINDS: Mapping[Side, str] = {"optical": "optical", "sar": "SAR"}


class PairsFolder:
    """Own pairs as a :class:`~ackd.data.tiles.source.TileSource`.

    Nothing but names is read until it is asked for.
    """

    def __init__(self, options: PairsOptions) -> None:
        """List the folders and match the names.

        Raises:
            DataError: A folder is missing or empty, or a tile has no partner.
            ConfigError: Both sides are one folder and nothing tells their files apart.
        """
        self.options = options
        optical, sar = (Path(each).expanduser() for each in (options.optical, options.sar))
        named = options.optical_names is not None and options.sar_names is not None
        if optical == sar and not named:
            raise ConfigError(
                f"data.optical and data.sar are one folder, {optical}; say which of its files are "
                "which: data.optical_names='*_optical' data.sar_names='*_sar'."
            )
        self.sides: dict[Side, Named] = {}
        self.sides["optical"], self.sides["sar"] = match(
            files_in(optical, "data.optical", IMAGES),
            files_in(sar, "data.sar", IMAGES),
            options.optical_names,
            options.sar_names,
        )
        self.roots = (optical, sar)
        self.ids: tuple[str, ...] = tuple(self.sides["optical"].files)
        log.info(
            "%d tiles: optical images are called %s, SAR images %s",
            len(self.ids), self.sides["optical"].pattern, self.sides["sar"].pattern,
        )  # fmt: skip

    name: Literal["pairs"] = "pairs"

    @property
    def unit(self) -> SarUnit:
        """``data.sar_unit``."""
        return self.options.sar_unit

    @property
    def notes(self) -> Mapping[str, Any]:
        """How the files are called."""
        return {"file_names": {side: named.pattern for side, named in self.sides.items()}}

    @property
    def image_key(self) -> Any:
        """The options that shape images."""
        chosen = self.options
        return [
            chosen.optical_names, chosen.sar_names, chosen.optical_bands, chosen.sar_bands,
            chosen.sar_unit, chosen.optical_nodata, chosen.sar_nodata, chosen.zero_is_nodata,
        ]  # fmt: skip

    @property
    def mask_key(self) -> Any:
        """The options that shape masks."""
        chosen = self.options
        classes = None if chosen.classes is None else list(chosen.classes.items())
        return [chosen.masks, chosen.mask_names, classes, chosen.ignore, chosen.masks_crs]

    def image_files(self) -> list[Path]:
        """All images, optical ones first, and the index of their places if there is one."""
        images = [path for named in self.sides.values() for path in named.files.values()]
        return images if self._index is None else [*images, self._index]

    def mask_files(self) -> list[Path]:
        """The masks, or the file of all footprints."""
        found = mask_files_of(self.options, self.ids)
        return [found] if isinstance(found, Path) else list(found.files.values())

    @cached_property
    def heads(self) -> dict[Side, dict[str, Head]]:
        """What each file says of itself, by side and tile.

        Raises:
            DataError: Some cannot be read.
        """
        found: dict[Side, dict[str, Head]] = {"optical": {}, "sar": {}}
        faults = Faults(len(self.ids))
        for side, named in self.sides.items():
            for tile, path in named.files.items():
                try:
                    found[side][tile] = read_head(path, _keys(side))
                except ImageError as error:
                    faults.add("cannot be read", tile, told(error))
        faults.raise_any()
        return found

    @cached_property
    def _index(self) -> Path | None:
        return find_index(self.roots)

    @cached_property
    def _indexed(self) -> Mapping[str, Place]:
        """The places that the index says."""
        return {} if self._index is None else read_places(self._index, self.ids, self.size())

    def check(self) -> None:
        """Look whether all images fit each other."""
        faults = Faults(len(self.ids))
        optical, sar = self.heads["optical"], self.heads["sar"]
        usual = _most([head.size for head in optical.values()])
        for tile in self.ids:
            one, other = optical[tile], sar[tile]
            if one.size != other.size:
                faults.add(
                    "have images of two sizes",
                    tile,
                    f"The optical image is {_pixels(one.size)} and the SAR image "
                    f"{_pixels(other.size)}; both have to be on one grid, as gdalwarp -te and -ts "
                    "make them.",
                )
            elif one.size != usual:
                faults.add(
                    "have another size than most",
                    tile,
                    f"It is {_pixels(one.size)}, others are {_pixels(usual)}. Cut all to one size "
                    f"(gdal_retile.py -ps {usual[1]} {usual[0]} -targetDir DIR FILES, both sensors "
                    f"alike) or resample them (gdalwarp -ts {usual[1]} {usual[0]} IN OUT).",
                )
            elif one.place is not None:
                apart = one.place.contradicts(other.place, *one.size)
                if apart:
                    faults.add(
                        "do not show the same ground with both sensors",
                        tile,
                        f"Coordinates of the optical and of the SAR image differ: {apart}. "
                        "gdalwarp -t_srs and -te bring both on one grid.",
                    )
        for side, heads in self.heads.items():
            self._check_side(side, heads, faults)
        faults.raise_any()

    def _check_side(self, side: Side, heads: Mapping[str, Head], faults: Faults) -> None:
        kind = _KINDS[side]
        bands = _most([head.bands for head in heads.values()])
        dtype = _most([head.dtype for head in heads.values()])
        names = _most([head.names for head in heads.values()])
        for tile, head in heads.items():
            path = self.sides[side].files[tile]
            if head.bands != bands:
                faults.add(
                    f"have another number of {kind} bands than most",
                    tile,
                    f"{path} has {head.bands}, others have {bands}.",
                )
            elif head.names != names:
                faults.add(
                    f"name their {kind} bands otherwise than most",
                    tile,
                    f"{path} says {_listed(head.names)}, others {_listed(names)}.",
                )
            elif side == "optical" and head.dtype != dtype:
                faults.add(
                    "have another number type than most optical images",
                    tile,
                    f"{path} holds {head.dtype}, others {dtype}; convert it, e.g. by "
                    "gdal_translate -ot.",
                )

    def _names(self, side: Side) -> tuple[str, ...]:
        """The bands of the files of a side, in their order."""
        try:
            head = read_head(next(iter(self.sides[side].files.values())), _keys(side))
        except ImageError as error:
            raise DataError(told(error)) from error
        return head.names or tuple(f"b{number}" for number in range(1, head.bands + 1))

    def _wanted(self, side: Side) -> tuple[tuple[str, ...], list[int]]:
        there = self._names(side)
        asked: tuple[str, ...] | None = getattr(self.options, f"{side}_bands")
        names = there if asked is None else tuple(asked)
        for name in names:
            if name not in there:
                raise unknown(f"{_KINDS[side]} band", name, there, f"data.{side}_bands")
        if asked is not None and len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigError(f"data.{side}_bands names {twice} twice; name each band once.")
        return names, [there.index(name) for name in names]

    @cached_property
    def _bands(self) -> dict[Side, tuple[tuple[str, ...], list[int]]]:
        return {"optical": self._wanted("optical"), "sar": self._wanted("sar")}

    @property
    def optical_bands(self) -> tuple[str, ...]:
        """The names that are read, in the order of ``data.optical_bands``."""
        return self._bands["optical"][0]

    @property
    def sar_bands(self) -> tuple[str, ...]:
        """The names that are read, in the order of ``data.sar_bands``."""
        return self._bands["sar"][0]

    def read(self, row: int) -> TilePixels:
        """Read both images of a tile."""
        tile, chosen = self.ids[row], self.options
        optical, no_optical, place = read_image(
            self.sides["optical"].files[tile],
            keys=_keys("optical"),
            bands=self._bands["optical"][1],
            nodata=chosen.optical_nodata,
            zero_is_nodata=chosen.zero_is_nodata,
            option="data.optical_nodata",
        )
        raw, no_sar, sar_place = read_image(
            self.sides["sar"].files[tile],
            keys=_keys("sar"),
            bands=self._bands["sar"][1],
            nodata=chosen.sar_nodata,
            zero_is_nodata=chosen.zero_is_nodata,
            option="data.sar_nodata",
        )
        if optical.shape[1:] != raw.shape[1:]:  # of a file that changed since it was looked at
            raise ImageError(
                f"The images of {tile} are {optical.shape[1:]} and {raw.shape[1:]}.", "wrong shape"
            )
        sar = raw.astype(np.float32, copy=False)
        valid = ~(no_optical | no_sar)
        look = look_at(sar, valid)  # before numbers that are no intensities are taken out
        if chosen.sar_unit == "linear":
            sar, valid = in_decibels(sar, valid)
        optical, sar = both_valid(optical, sar, valid)
        return TilePixels(
            optical, sar, valid, look, place or sar_place or self._indexed.get(tile)
        )  # fmt: skip

    def place(self, tile: str) -> Place | None:
        """Where a tile lies, as its images say, or the index where they do not."""
        for side, named in self.sides.items():
            found = read_head(named.files[tile], _keys(side)).place
            if found is not None:
                return found
        return self._indexed.get(tile)

    def size(self) -> tuple[int, int]:
        """(H, W) of the tiles."""
        return read_head(self.sides["sar"].files[self.ids[0]], _keys("sar")).size

    def masks(self) -> MaskReader:
        """Open the labels."""
        return PairsMasks(self.options, self.ids, self.size(), self.place)


def _keys(side: Side) -> tuple[str, ...]:
    return (side, {"optical": "s2", "sar": "s1"}[side])


def _most(values: Sequence[ValueT]) -> ValueT:
    return Counter(values).most_common(1)[0][0]


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]} pixels"


def _listed(names: Sequence[str] | None) -> str:
    return "nothing" if names is None else ", ".join(names)
