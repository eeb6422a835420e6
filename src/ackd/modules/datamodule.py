"""One data module for all stages: it serves the unpaired MS and RGB sets, and pairs of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from ackd.data.augmentation import Augmentation
from ackd.data.benchmark import TRAIN, Benchmark
from ackd.data.normalise import Normalisation, Normaliser, flips_and_turns, normalisers_of
from ackd.data.pairs import Request, SceneBatches, UnpairedScenes
from ackd.data.pseudo_rgb import PseudoRGB
from ackd.modules.loading import Batch, PartnerRows, Side, partner_index
from ackd.modules.serving import ServingDataModule
from ackd.modules.sharding import share_batches
from ackd.tasks import Augment, Task, task_of
from ackd.utils.memory import out_of_memory

__all__ = ["UnpairedDataModule"]

log = logging.getLogger("ackd")

SWEEP_BATCH = 256  # images at once outside of training; eval mode needs little memory


class UnpairedDataModule(ServingDataModule):
    """Serves batches of one side, or RGB batches with their matched MS images.

    It owns the pairs in force and their version; both are stored in checkpoints. Where
    ``reads_partners`` is false, a batch only names its partners' rows.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        side: Side,
        batch_size: int,
        *,
        seed: int = 0,
        stage: str = "student",
        augment: bool = False,
        augment_partners: bool = False,
        augmentations: Mapping[Side, Augmentation] | None = None,
        normalise: Normalisation = "standard",
        pseudo_rgb: Callable[[Normaliser], PseudoRGB] | None = None,
        **loader: Any,
    ) -> None:
        """Describe what is served.

        Args:
            benchmark: Both modalities.
            side: The one that is trained, validated and tested on.
            batch_size: Images a batch.
            seed: Of the order in training.
            stage: Whose ``batch_size`` option an error should name.
            augment: Flips and quarter turns in training, on the served side.
            augment_partners: The same, and ``augmentations``, on the other side, drawn apart.
            augmentations: Of the user's own, by side; after flips and turns.
            normalise: How digital numbers become what the networks see, see
                :func:`ackd.data.normalise.normalisers_of`.
            pseudo_rgb: If given, MS batches also carry their pseudo-RGB; it is built with the
                normaliser of the RGB images.
            **loader: Options of :class:`ServingDataModule`.

        Raises:
            ConfigError: The training part does not fill one batch.
        """
        super().__init__(batch_size, seed=seed, stage=stage, **loader)
        self.benchmark = benchmark
        self.side = side
        self.augment = augment
        self.augment_partners = augment_partners
        self.augmentations: dict[Side, Augmentation] = dict(augmentations or {})
        self.scenes = UnpairedScenes(benchmark)
        self.tasks: dict[Side, Task] = {
            "ms": task_of(benchmark.ms.labels)(benchmark.classes),
            "rgb": task_of(benchmark.rgb.labels)(benchmark.classes),
        }
        self.reads_partners = True
        ms, rgb = normalisers_of(benchmark, normalise)
        self.normalisers: dict[Side, nn.Module] = {"ms": ms, "rgb": rgb}
        self.pseudo_rgb = pseudo_rgb(rgb) if pseudo_rgb is not None else None
        self.require_a_batch()
        self.pairs: Tensor | None = None
        self.version = -1
        self._most_at_once: int | None = None  # images, outside of training
        self._train_batches: SceneBatches | None = None

    def rows(self, split: int, side: Side | None = None) -> NDArray[np.int64]:
        """Rows of a split of a side (the served one by default)."""
        rows: NDArray[np.int64] = getattr(self.benchmark, side or self.side).indices(split)
        return rows

    def names(self, split: int) -> dict[int, str]:
        """The file of each image of a split of the served side, by its row."""
        files = getattr(self.benchmark, self.side).files
        return {int(row): str(files[row]) for row in self.rows(split)}

    # -- pairs ---------------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        """Take over rank 0's pairs, so that rounding can never give two ranks different ones."""
        if stage == "fit" and self.pairs is not None and self.trainer is not None:
            self.set_pairs(self.trainer.strategy.broadcast(self.pairs), self.version)

    def set_pairs(self, partners: Tensor, version: int) -> None:
        """Put pairs in force, from the next epoch on if one is running.

        Args:
            partners: (N,) int64 MS rows, one for every RGB training row in the order of ``rows``.
            version: 0 for the first pairing, then counted up by every re-match.
        """
        self.pairs = partners.cpu()
        self.version = version
        if self._train_batches is not None:
            self._train_batches.set_partners(self.pairs.numpy())

    def state_dict(self) -> dict[str, Any]:
        """The pairs in force and their version."""
        return {} if self.pairs is None else {"pairs": self.pairs, "version": self.version}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the pairs of a checkpoint."""
        if state_dict:
            self.set_pairs(state_dict["pairs"], state_dict["version"])

    # -- loaders -------------------------------------------------------------------------------

    def training_batches(self, **how: Any) -> SceneBatches:
        """Of the served side, with its partners where there are pairs."""
        batches = SceneBatches(self.side, self.rows(TRAIN), self.batch_size, **how)
        if self.pairs is not None:
            batches.set_partners(self.pairs.numpy())
        self._train_batches = batches
        return batches

    def batches_of(self, split: int, **share: Any) -> SceneBatches:
        """Of the served side, in order."""
        return SceneBatches(self.side, self.rows(split), self.batch_size, **share)

    def reads(self) -> Dataset[Batch]:
        """Both modalities, or the served one alone."""
        return self.scenes if self.reads_partners else PartnerRows(self.scenes, self.side)

    @property
    def kind(self) -> str:
        """Of one side."""
        return f"images of the {self.side.upper()} side"

    # -- batches -------------------------------------------------------------------------------

    def transfer_batch_to_device(
        self, batch: dict[str, Tensor], device: torch.device, dataloader_idx: int
    ) -> dict[str, Tensor]:
        """Move everything but the partners' rows, which are looked up on the host."""
        partners = partner_index(self.side)
        moving = {key: value for key, value in batch.items() if key != partners}
        moved: Batch = super().transfer_batch_to_device(moving, device, dataloader_idx)
        return moved | ({partners: batch[partners]} if partners in batch else {})

    def on_after_batch_transfer(
        self, batch: dict[str, Tensor], dataloader_idx: int
    ) -> dict[str, Tensor]:
        """Turn stored integers into what the networks see, on the device."""
        training = self.trainer is not None and self.trainer.training
        return self.prepare(batch, augment=training)

    def prepare(self, batch: dict[str, Tensor], *, augment: bool = False) -> dict[str, Tensor]:
        """Augment, as the options say, derive pseudo-RGB, normalise."""
        prepared = dict(batch)
        sides: tuple[Side, ...] = ("ms", "rgb")
        for side in sides:
            if side not in batch:
                continue
            # torch can move 16-bit unsigned images, but not shuffle them.
            images = batch[side].to(torch.float32)
            if augment and (side == self.side or self.augment_partners):
                target = f"{side}_target"
                for change in self._changes(side):
                    images, prepared[target] = self.tasks[side].transform(
                        images, prepared[target], change
                    )
            if side == "ms" and self.pseudo_rgb is not None:
                prepared["pseudo_rgb"] = self.pseudo_rgb.to(images.device)(images)
            prepared[side] = self.normalisers[side].to(images.device)(images)
        return prepared

    def _changes(self, side: Side) -> list[Augment]:
        own = self.augmentations.get(side)
        return [*([flips_and_turns] if self.augment else []), *([own] if own else [])]

    def sweep(
        self,
        side: Side,
        rows: NDArray[np.int64],
        device: torch.device,
        compute: Callable[[Batch], tuple[Tensor, ...]],
    ) -> Iterator[tuple[Tensor, ...]]:
        """Go through rows of a side once, in order, unaugmented; the ranks share the work.

        Where memory runs out, batches are halved until they fit, and stay so.

        Args:
            side: The modality.
            rows: (N,) of that side.
            device: Where ``compute`` gets its batches.
            compute: A prepared batch to float tensors (B, ...); runs without gradients.

        Returns:
            The outputs of one batch after another, on the CPU, the same on every rank.
        """
        requests = list(SceneBatches(side, rows, SWEEP_BATCH))

        return share_batches(
            requests, [len(getattr(r, side)) for r in requests],
            lambda request: self.look(request, device, compute),
        )  # fmt: skip

    def look(
        self, request: Request, device: torch.device, compute: Callable[[Batch], tuple[Tensor, ...]]
    ) -> tuple[Tensor, ...]:
        """Compute something of images outside of training, unaugmented and without gradients.

        Where memory runs out, it is done in parts of half as many images, and so from then on.

        Args:
            request: Which images.
            device: Where ``compute`` gets them.
            compute: A prepared batch to tensors (B, ...).

        Returns:
            The outputs of the whole batch, on the CPU where it was computed in parts.
        """
        found = None
        while found is None:
            found = self._look_at_parts(request, device, compute)
        return found

    @torch.no_grad()
    def _look_at_parts(
        self, request: Request, device: torch.device, compute: Callable[[Batch], tuple[Tensor, ...]]
    ) -> tuple[Tensor, ...] | None:
        """The same; None where memory ran out."""
        parts = _parts(request, self._most_at_once)
        try:
            if len(parts) == 1:
                return compute(self.load(request, device))
            outputs = [
                tuple(output.cpu() for output in compute(self.load(part, device))) for part in parts
            ]
            return tuple(torch.cat(column) for column in zip(*outputs, strict=True))
        except (RuntimeError, MemoryError) as error:
            tried = _length(parts[0])
            if tried == 1 or not out_of_memory(error):
                raise
        # Outside of the handler, whose trace holds on to what did not fit.
        self._most_at_once = tried // 2
        log.warning("%d images at once do not fit into memory; going on with %d", tried, tried // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None

    def sweep_length(self, rows: NDArray[np.int64]) -> int:
        """How many batches :meth:`sweep` gives."""
        return -(-len(rows) // SWEEP_BATCH)

    def load(self, request: Request, device: torch.device) -> Batch:
        """Read and prepare one batch outside of a loader, unaugmented."""
        raw = self.reads()[request]
        return self.prepare({key: value.to(device) for key, value in raw.items()})


def _length(request: Request) -> int:
    return len(next(rows for rows in request if rows is not None))


def _parts(request: Request, most: int | None) -> list[Request]:
    """Cut a request into requests of so many images."""
    length = _length(request)
    if most is None or length <= most:
        return [request]
    return [
        Request(*(None if rows is None else rows[start : start + most] for rows in request))
        for start in range(0, length, most)
    ]
