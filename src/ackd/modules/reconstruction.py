"""Training without labels: a student that reconstructs a frozen teacher's features.

Nair and Haensch, "Let me show you how it's done - Cross-modal knowledge distillation as pretext
task for semantic segmentation", CVPR Workshops, eq 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast, get_args

import lightning.pytorch as pl
import torch
import torchmetrics
from torch import Tensor, nn

from ackd.errors import ConfigError, unknown
from ackd.losses import layer_cosines
from ackd.losses.cosine_reconstruction import CosineOver
from ackd.modules.schedules import OptimizerFactory, Schedule, ScheduledModule
from ackd.modules.sharding import sum_over_ranks
from ackd.segmentation.base import FIN, FrozenNorm, Maps, SegmentationNetwork
from ackd.utils.networks import place

__all__ = ["Final", "ReconstructionModule"]

Final = Literal["logits", "probability"]
"""What is compared at the layer ``fin``."""


class _Teacher:
    """A frozen network: no gradient, always in eval mode.

    It is no ``nn.Module`` itself, so a module that holds it neither trains it, nor switches its
    mode, nor stores it in checkpoints, nor averages its weights.
    """

    def __init__(self, network: SegmentationNetwork) -> None:
        self.network = network.eval().requires_grad_(False)

    def __call__(self, images: Tensor, layers: Sequence[str]) -> Maps:
        # Not inference_mode, whose tensors cannot take part in the student's backward pass.
        with torch.no_grad():
            maps: Maps = self.network(images, layers)
        return maps

    def beside(self, module: pl.LightningModule) -> None:
        """Move to a module's device, in its precision."""
        self.network.to(device=module.device)
        if isinstance(module.dtype, torch.dtype):
            self.network.to(dtype=module.dtype)


class _MeanCosine(torchmetrics.Metric):
    """The mean over layers of the mean cosine of each, over all batches and ranks.

    Layers of which nothing was counted are left out. Not torchmetrics' MeanMetric, which leaves out
    values that are not finite: those of a network that has diverged.

    Args:
        layers: How many.
        loss: Whether 1 minus that mean is wanted.
    """

    is_differentiable = False
    full_state_update = False
    sums: Tensor
    counts: Tensor

    def __init__(self, layers: int = 1, *, loss: bool = False) -> None:
        super().__init__()
        self.loss = loss
        self.add_state("sums", torch.zeros(layers, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("counts", torch.zeros(layers, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, sums: Tensor, counts: Tensor) -> None:
        """Add a batch, both (layers,)."""
        self.sums += sums.detach()
        self.counts += counts

    def compute(self) -> Tensor:
        """A scalar; NaN where nothing was counted."""
        there = self.counts > 0
        means = self.sums.where(there, 0.0) / self.counts.clamp(min=1)
        mean = means.sum() / there.sum()
        return 1 - mean if self.loss else mean


class ReconstructionModule(ScheduledModule):
    """A student that sees SAR and reconstructs what the teacher makes of the optical image.

        L = 1 - (1 / |L|) sum_l cos(phi_l^S, phi_l^T)

    A batch has the images ``sar`` and ``optical`` of the same places and ``valid`` (B, H, W), where
    both have data; labels are not needed, and not looked at. Only pixels that are valid at a
    layer's resolution count. A tile without any has loss 0 and gradient 0.

    Several processes compute the loss of all their tiles together: they exchange how many count at
    each layer, and each takes its share of one sum.

    Logs ``train/loss``, ``val/loss`` (which chooses the epoch), the cosines of each layer
    (``train/cos_mid``, ``val/cos_mid``, ...), and how many tiles of an epoch had no valid pixel
    (``train/tiles_without_data``). Behind a ReLU all features are positive, so the cosine of two
    maps that have nothing in common is well above 0: compare values with each other.
    """

    def __init__(
        self,
        student: SegmentationNetwork,
        teacher: SegmentationNetwork,
        layers: Sequence[str],
        optimizer: OptimizerFactory,
        *,
        over: CosineOver = "layer",
        final: Final = "logits",
        trained: Sequence[str] | None = None,
        frozen_norm: FrozenNorm = "keep",
        schedule: Schedule | None = None,
        student_side: str = "sar",
        teacher_side: str = "optical",
    ) -> None:
        """Take the networks and say what is compared.

        Args:
            student: What is trained, in place; often a copy of the teacher, see
                :func:`ackd.segmentation.adapt_bands`.
            teacher: Of the same architecture but for its bands; it is frozen.
            layers: Whose features are compared, with equal weights.
            optimizer: Builds the optimizer from the trainable parameters.
            over: Whether the cosine is that of a whole layer, or the mean over its positions; see
                :func:`ackd.losses.cosine_reconstruction`.
            final: Whether ``fin`` compares logits or probabilities. The cosine does not see scale:
                with probabilities a student may say half of everything and be taken for perfect.
            trained: Which layers are trained; None for all up to the deepest one of ``layers``. All
                others keep parameters and buffers bit for bit.
            frozen_norm: See :meth:`SegmentationNetwork.train_only`.
            schedule: Of the learning rate; None for a constant one.
            student_side: The modality that the student sees.
            teacher_side: The modality that the teacher sees.

        Raises:
            ConfigError: A layer does not exist or cannot be compared, or what is trained has no
                part in the loss or no parameters.
            ValueError: Student and teacher are one network.
        """
        super().__init__(optimizer, schedule)
        if student is teacher:
            raise ValueError("student and teacher are the same object; give the student a copy.")
        if final not in get_args(Final):
            raise unknown("final", str(final), get_args(Final), "final")
        if over not in get_args(CosineOver):
            raise unknown("cosine", str(over), get_args(CosineOver), "over")
        self.layers = _in_order(student, layers)
        teacher.require_layers(self.layers)
        if over == "position" and FIN in self.layers and student.channels == 1:
            raise ConfigError(
                f"over=position compares the channels of each pixel, but {FIN} has one channel: "
                "the cosine is 1 or -1 there and has no gradient. Set over=layer, or leave "
                f"{FIN} out of layers={list(self.layers)}."
            )
        up_to = student.layers[: student.layers.index(self.layers[-1]) + 1]
        chosen = up_to if trained is None else _in_order(student, trained)
        unheard = [layer for layer in chosen if layer not in up_to]
        if unheard:
            raise ConfigError(
                f"The layers {', '.join(unheard)} would be trained, but nothing deeper than "
                f"{self.layers[-1]} is compared, so they get no gradient; leave them out, or add "
                "a layer as deep as them."
            )
        _require_parameters(student, chosen, self.layers)
        self.student = student
        self.over: CosineOver = over
        self.final: Final = final
        self.student_side, self.teacher_side = student_side, teacher_side
        self._teacher = _Teacher(teacher)
        student.train_only(chosen, frozen_norm)
        self.train_cosines, self.val_cosines = (
            nn.ModuleDict({layer: _MeanCosine() for layer in self.layers}) for _ in range(2)
        )
        self.val_loss = _MeanCosine(len(self.layers), loss=True)

    @property
    def teacher(self) -> SegmentationNetwork:
        """The frozen network; it is not a submodule."""
        return self._teacher.network

    def forward(self, images: Tensor) -> Tensor:
        """Map normalized SAR images (B, C, H, W) to logits (B, K, H, W)."""
        logits: Tensor = self.student(images).logits
        return logits

    def on_fit_start(self) -> None:
        """Bring the teacher to the student's device; frozen layers stay in eval mode."""
        self._teacher.beside(self)
        self.student.train()

    def on_validation_start(self) -> None:
        """The same where there is no training."""
        self._teacher.beside(self)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Learn from the teacher's features."""
        valid = batch["valid"]
        sums, counts = self._cosines(batch)
        loss = _loss_of_all_ranks(sums, counts)
        per_epoch = {"on_step": False, "on_epoch": True, "batch_size": len(valid)}
        self.log("train/loss", loss.detach(), prog_bar=True, sync_dist=True, **per_epoch)  # type: ignore[arg-type]
        self._note("train", self.train_cosines, sums, counts, len(valid))
        without = (~valid.flatten(1).any(dim=1)).sum().float()
        self.log(
            "train/tiles_without_data",
            without,
            reduce_fx="sum",
            sync_dist=True,
            **per_epoch,  # type: ignore[arg-type]
        )
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Add up the cosines of each layer."""
        sums, counts = self._cosines(batch)
        self.val_loss.update(sums, counts)
        size = len(batch["valid"])
        self.log(
            "val/loss", self.val_loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=size
        )
        self._note("val", self.val_cosines, sums, counts, size)

    def _cosines(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        ours: Maps = self.student(batch[self.student_side], self.layers)
        theirs = self._teacher(batch[self.teacher_side], self.layers)
        student, teacher = (
            [self._read(maps, layer) for layer in self.layers] for maps in (ours, theirs)
        )
        return layer_cosines(student, teacher, batch["valid"], self.over)

    def _read(self, maps: Maps, layer: str) -> Tensor:
        features = maps.features[layer]
        if layer != FIN or self.final == "logits":
            return features
        return features.sigmoid() if features.shape[1] == 1 else features.softmax(dim=1)

    def _note(
        self, part: str, metrics: nn.ModuleDict, sums: Tensor, counts: Tensor, size: int
    ) -> None:
        for layer, total, count in zip(self.layers, sums, counts, strict=True):
            cosine = cast(_MeanCosine, metrics[layer])
            cosine.update(total, count)
            self.log(f"{part}/cos_{layer}", cosine, on_step=False, on_epoch=True, batch_size=size)


def _in_order(network: SegmentationNetwork, layers: Sequence[str]) -> tuple[str, ...]:
    """Layers in order of depth, each once.

    Raises:
        ConfigError: There is none, or one does not exist.
    """
    if isinstance(layers, str) or not layers:
        raise ConfigError(
            f"layers={layers!r} is not a list of layers; those of {type(network).__name__} are "
            f"{', '.join(network.layers)}."
        )
    network.require_layers(layers)
    return tuple(layer for layer in network.layers if layer in layers)


def _require_parameters(
    network: SegmentationNetwork, chosen: Sequence[str], compared: Sequence[str]
) -> None:
    """See that a part of what would be trained can be trained.

    Raises:
        ConfigError: None of these layers has parameters, as those of an encoder that is one whole.
    """
    owners = [name for name in network.layers if _has_parameters(network, name)]
    if set(owners) & set(chosen):
        return
    behind = network.layers[network.layers.index(compared[-1]) :]
    whole = next((name for name in behind if name in owners), owners[-1])
    raise ConfigError(
        f"Nothing would be trained: in {type(network).__name__} the parameters of "
        f"{', '.join(chosen)} belong to {whole}, and are trained with it as a whole. Compare "
        f"{whole} as well: layers=[{','.join([*compared, whole])}]."
    )


def _has_parameters(network: SegmentationNetwork, layer: str) -> bool:
    return any(True for module in network.modules_of(layer) for _ in module.parameters())


def _loss_of_all_ranks(sums: Tensor, counts: Tensor) -> Tensor:
    """Eq 2 over the tiles of all ranks: the mean over ranks of what this gives them.

    A layer without a valid pixel on any of them is left out of the mean over layers.

    Args:
        sums: (L,) of the cosines of each layer on this rank.
        counts: (L,) how many cosines these are.
    """
    total = sum_over_ranks(counts)
    there = total > 0
    losses = there * (counts - sums) * place()[1] / total.clamp(min=1)
    return losses.sum() / there.sum().clamp(min=1)
