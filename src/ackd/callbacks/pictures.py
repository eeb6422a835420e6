"""Pictures of matched pairs: RGB training images above the MS images their teacher sees."""

from __future__ import annotations

from collections.abc import Sequence

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from numpy.typing import NDArray
from torch import Tensor

from ackd.data.benchmark import TRAIN, SceneSet
from ackd.data.pairs import Request
from ackd.data.sensors import rgb_bands
from ackd.errors import AckdError
from ackd.modules.datamodule import UnpairedDataModule

__all__ = ["MatchedPairs", "draw_pairs", "fixed_students", "visible_levels"]

KEY = "pairs/matched"
TILE = 96  # pixels a side of an image in the picture
FRAME = 4  # pixels around it
SAME = (200, 200, 200)
CHANGED = (230, 120, 0)
SPREAD = 2.0  # standard deviations from the mean to black and to white


class MatchedPairs(pl.Callback):
    """Show a few fixed RGB images and their MS teachers, at the first matching and every other.

    A column is a student's image with its teacher's below, in three visible bands
    (:func:`visible_levels`). A teacher that the last matching changed has an orange frame. It
    reads the data module's pairs after those that change them, so it comes behind them in the list
    of callbacks. Nothing is drawn from the generators that training uses.
    """

    def __init__(self, loggers: Sequence[Logger], students: int = 6, most: int = 20) -> None:
        """Choose what is shown.

        Args:
            loggers: Who gets the pictures; W&B and TensorBoard loggers take them.
            students: Images a picture, see :func:`fixed_students`.
            most: Pictures a training; pairs that are drawn anew each epoch would fill a disk.
        """
        self.loggers = list(loggers)
        self.students = students
        self.most = most
        self._made = 0
        self._shown: tuple[int, Tensor] | None = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the first pairs, or those that a continued run goes on with."""
        self._show_if_new(trainer)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show them again if they were matched before the first batch."""
        self._show_if_new(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the pairs of the coming epoch if they are others."""
        if trainer.current_epoch + 1 < (trainer.max_epochs or 0):
            self._show_if_new(trainer)

    def _show_if_new(self, trainer: pl.Trainer) -> None:
        data: UnpairedDataModule = trainer.datamodule  # type: ignore[attr-defined]
        before, pairs = self._shown, data.pairs
        if not trainer.is_global_zero or pairs is None or self._made >= self.most:
            return
        if before is not None and before[0] == data.version:
            return
        self._shown = data.version, pairs.clone()
        self._made += 1
        chosen = fixed_students(data.benchmark.rgb, data.rows(TRAIN, "rgb"), self.students)
        changed = np.zeros(len(chosen), dtype=bool)
        if before is not None:
            changed = (before[1] != pairs).numpy()[chosen]
        picture = draw_pairs(data, chosen, changed)
        labels = _first_classes(data.benchmark.rgb, data.rows(TRAIN, "rgb")[chosen])
        names = [data.benchmark.classes[int(label)] for label in labels]
        caption = f"pairs version {data.version}: {', '.join(names)}"
        if before is not None:
            caption += f"; {changed.sum()} of {len(chosen)} changed"
        for logger in self.loggers:
            _log_picture(logger, picture, caption, trainer.global_step)


def fixed_students(scenes: SceneSet, rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Choose images of as many classes as there can be, always the same ones.

    Args:
        scenes: Where ``rows`` point to.
        rows: (N,) of the training images.
        count: At most so many.

    Returns:
        Ascending positions in ``rows``, evenly spread over the images sorted by class.
    """
    order = np.argsort(_first_classes(scenes, rows), kind="stable")
    count = min(count, len(rows))
    # Middles of equal shares, so that with as many shares as classes each gives one.
    places = (2 * np.arange(count) + 1) * len(rows) // (2 * max(count, 1))
    return np.sort(order[places]).astype(np.int64)


def _first_classes(scenes: SceneSet, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """One class an image, the first where it bears several."""
    labels = scenes.labels[rows]
    chosen = labels.argmax(axis=1) if labels.ndim == 2 else labels
    return np.asarray(chosen, dtype=np.int64)


def draw_pairs(
    data: UnpairedDataModule, chosen: NDArray[np.int64], changed: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Draw students above their teachers.

    Args:
        data: Has pairs.
        chosen: (S,) positions among the RGB training images.
        changed: (S,) whether the teacher gets a coloured frame.

    Returns:
        (2 T, S T, 3) grey levels 0..255, T pixels a framed image.

    Raises:
        ValueError: ``data`` has no pairs.
    """
    if data.pairs is None:
        raise ValueError("there are no pairs to draw")
    raw = data.scenes[Request(data.pairs.numpy()[chosen], data.rows(TRAIN, "rgb")[chosen])]
    students = _tiles(visible_levels(raw["rgb"], data.benchmark.rgb))
    teachers = _tiles(visible_levels(raw["ms"], data.benchmark.ms))
    same = np.zeros(len(chosen), dtype=bool)
    rows = [
        np.concatenate([_framed(tile, bool(c)) for tile, c in zip(tiles, colours, strict=True)], 1)
        for tiles, colours in ((students, same), (teachers, changed))
    ]
    return np.concatenate(rows, 0)


def visible_levels(images: Tensor, scenes: SceneSet) -> Tensor:
    """Turn digital numbers into what the eye can compare.

    8-bit images stay as they are. The bands of others are stretched each on its own, from two
    standard deviations below its mean over the training images to two above: alike in all pictures.

    Args:
        images: (B, C, H, W) as stored.
        scenes: Names sensor and bands; red, green and blue are shown, or else the first band.

    Returns:
        (B, 3, H, W) float32, 0..1.
    """
    try:
        names = rgb_bands(scenes.camera, scenes.bands)
    except (AckdError, KeyError):  # another sensor, or bands beyond the visible
        names = (scenes.bands[0],) * 3
    channels = [scenes.bands.index(name) for name in names]
    visible = images.to(torch.float32)[:, channels]  # torch cannot pick from uint16
    if images.dtype == torch.uint8:
        return visible / 255
    mean, std = (
        torch.as_tensor(values[channels], dtype=torch.float32)[:, None, None]
        for values in scenes.band_statistics()
    )
    return torch.nan_to_num((visible - mean) / (2 * SPREAD * std) + 0.5).clamp(0, 1)


def _tiles(images: Tensor) -> NDArray[np.uint8]:
    """(B, 3, H, W) in 0..1 to (B, TILE, TILE, 3) grey levels."""
    smaller = max(images.shape[-2:]) > TILE
    # Small images are magnified pixel by pixel: they should not look sharper than they are.
    resized = F.interpolate(
        images, (TILE, TILE), mode="bilinear" if smaller else "nearest", antialias=smaller
    )
    levels: NDArray[np.uint8] = (255 * resized).round().byte().permute(0, 2, 3, 1).numpy()
    return levels


def _framed(tile: NDArray[np.uint8], changed: bool) -> NDArray[np.uint8]:
    side = TILE + 2 * FRAME
    framed = np.empty((side, side, 3), dtype=np.uint8)
    framed[:] = CHANGED if changed else SAME
    framed[FRAME:-FRAME, FRAME:-FRAME] = tile
    return framed


def _log_picture(logger: Logger, picture: NDArray[np.uint8], caption: str, step: int) -> None:
    if isinstance(logger, WandbLogger):
        logger.log_image(KEY, [picture], step=step, caption=[caption])
    elif isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(KEY, picture, step, dataformats="HWC")
        logger.experiment.add_text(f"{KEY}/caption", caption, step)
