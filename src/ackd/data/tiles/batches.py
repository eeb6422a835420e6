"""Batches of paired tiles: windows of them in training, whole tiles in evaluation."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ackd.data.row_batches import Indices, RowBatches
from ackd.data.tiles.crops import NO_PADDING, Window, choose_window, pad, padding_for
from ackd.data.tiles.statistics import MaskedNormaliser, normalised, normalisers_of
from ackd.data.tiles.tile_set import IGNORED, Side, TileSet
from ackd.errors import ConfigError

__all__ = ["PairedTiles", "TileBatches", "TileRequest"]

log = logging.getLogger("ackd")


class TileRequest(NamedTuple):
    """The tiles of one batch.

    Attributes:
        rows: (B,) of the tile set.
        epoch: The epoch of training, from which windows and mirroring are drawn; None for whole
            tiles as they are.
    """

    rows: Indices
    epoch: int | None


class TileBatches(RowBatches[TileRequest]):
    """Requests for batches: for windows where it shuffles, for whole tiles where it does not."""

    def __iter__(self) -> Iterator[TileRequest]:
        for chosen in self.positions():
            yield TileRequest(self.indices[chosen], self.epoch if self.shuffle else None)


class PairedTiles(Dataset[dict[str, Tensor]]):
    """Tiles of one or of both sensors; a request gives a batch.

    A batch has, for each sensor asked for, ``<side>`` (B, C, H, W) float32, normalised, 0 where
    there is no data; ``<side>_target`` (B, H, W) uint8 classes or
    :data:`~ackd.data.tiles.tile_set.IGNORED`, where labels are asked for; ``<side>_index`` (B,)
    int64 rows. ``valid`` (B, H, W) bool says where both sensors have data.

    In training, each tile gives one window in each epoch. Window and mirroring are a pure function
    of (seed, epoch, row), whatever batch, worker or rank the tile comes to. In evaluation, whole
    tiles get a border that makes their sides divisible by ``stride``: the images are mirrored into
    it, it is not valid, and its target is IGNORED. ``padding`` says how wide it is, and
    :func:`~ackd.data.tiles.crops.crop_back` takes it off.
    """

    def __init__(
        self,
        tiles: TileSet,
        side: Literal["optical", "sar", "both"],
        *,
        labels: bool = True,
        crop: int | None = None,
        min_valid: float = 0.0,
        mirror: bool = True,
        quarter_turns: bool = False,
        stride: int = 1,
        seed: int = 0,
        normalisers: Mapping[Side, MaskedNormaliser] | None = None,
    ) -> None:
        """Describe the batches.

        Args:
            tiles: The tiles.
            side: The sensor, or both.
            labels: Whether batches have targets; else no mask is ever read.
            crop: Side of a window in pixels; None trains on whole tiles.
            min_valid: The share of valid pixels that a window should have, where the tile has one
                that does.
            mirror: Whether training windows are mirrored left to right, every other one by chance.
            quarter_turns: Whether they are also turned by quarters of a circle. This is wrong for
                SAR, and a warning says so.
            stride: Of the network, by which the sides of what it gets are divisible.
            seed: Of windows and mirroring.
            normalisers: Of each sensor; computed from the training tiles where None.

        Raises:
            ConfigError: The window is larger than the tiles, or not divisible by the stride, or the
                tiles have no labels.
        """
        self.tiles = tiles
        self.sides: tuple[Side, ...] = ("optical", "sar") if side == "both" else (side,)
        self.labels = labels
        self.crop = None if crop is None else (crop, crop)
        self.min_valid = min_valid
        self.mirror = mirror
        self.quarter_turns = quarter_turns
        self.stride = stride
        self.seed = seed
        self.normalisers = dict(normalisers or normalisers_of(tiles))
        self.padding = padding_for(*tiles.size, stride)
        if labels and tiles.masks is None:
            raise ConfigError(f"{tiles.name} has no masks, but this stage needs labels.")
        if crop is not None:
            self._check_crop(crop)
        if quarter_turns and "sar" in self.sides:
            log.warning(
                "data.quarter_turns=true turns SAR images as well: layover, shadow and double "
                "bounce then lie in directions from which the radar never looked, and a network "
                "learns what no scene shows. The left-right mirror alone (data.mirror=true) keeps "
                "the geometry of the radar."
            )
        if quarter_turns and self._train_size[0] != self._train_size[1]:
            raise ConfigError(
                "data.quarter_turns=true needs square windows, but tiles are "
                f"{_pixels(self._train_size)}; give data.crop=N."
            )

    def _check_crop(self, crop: int) -> None:
        least = min(self.tiles.size)
        if crop > least:
            raise ConfigError(
                f"data.crop={crop} is larger than the tiles, which are {_pixels(self.tiles.size)}; "
                f"give at most {least // self.stride * self.stride or least}, or data.crop=null "
                "for whole tiles."
            )
        if crop % self.stride:
            fitting = max(self.stride, round(crop / self.stride) * self.stride)
            if fitting > least:
                fitting -= self.stride
            raise ConfigError(
                f"data.crop={crop} is not divisible by {self.stride}, the stride of the network; "
                f"give data.crop={fitting}."
            )

    @property
    def _train_size(self) -> tuple[int, int]:
        return self.crop or self.tiles.size

    def __len__(self) -> int:
        return len(self.tiles)

    def __getitem__(self, request: TileRequest) -> dict[str, Tensor]:
        """Read a batch."""
        rows = np.asarray(request.rows, dtype=np.int64)
        cuts = [self._cut(int(row), request.epoch) for row in rows]
        whole = request.epoch is None or self.crop is None
        padding = self.padding if whole else NO_PADDING
        valid = self._gather("valid", rows, cuts)
        batch: dict[str, Tensor] = {}
        for side in self.sides:
            pixels = self._gather(side, rows, cuts)
            image = normalised(self.normalisers[side], pixels, valid)
            batch[side] = torch.from_numpy(pad(image.numpy(), padding))
            batch[f"{side}_index"] = torch.from_numpy(rows)
        if self.labels:
            target = torch.from_numpy(pad(self._gather("masks", rows, cuts), padding, IGNORED))
            batch |= {f"{side}_target": target for side in self.sides}
        batch["valid"] = torch.from_numpy(pad(valid, padding, 0))
        return batch

    def _cut(self, row: int, epoch: int | None) -> _Cut:
        if epoch is None:
            return _WHOLE
        draw = np.random.default_rng([self.seed, epoch, row])
        mirrored = bool(draw.integers(2)) and self.mirror
        turns = int(draw.integers(4)) if self.quarter_turns else 0
        if self.crop is None:
            return _Cut(_WHOLE.window, mirrored, turns)
        # a window anywhere needs no look at the tile
        valid = (
            self.tiles.valid[row] if self.min_valid > 0 else np.broadcast_to(True, self.tiles.size)
        )
        return _Cut(choose_window(draw, valid, self.crop, self.min_valid), mirrored, turns)

    def _gather(self, name: str, rows: Indices, cuts: list[_Cut]) -> NDArray[Any]:
        array = getattr(self.tiles, name)
        parts = [
            cut.of(array[(row, ..., *cut.window)]) for row, cut in zip(rows, cuts, strict=True)
        ]
        return np.stack(parts)


class _Cut(NamedTuple):
    """What training does to a tile."""

    window: Window
    mirrored: bool
    turns: int

    def of(self, part: NDArray[Any]) -> NDArray[Any]:
        turned = np.rot90(part, self.turns, axes=(-2, -1)) if self.turns else part
        return turned[..., ::-1] if self.mirrored else turned


_WHOLE = _Cut((slice(None), slice(None)), mirrored=False, turns=0)


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]} pixels"
