"""What is known of every teacher image: its embedding (G1) and its logits (G2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Gallery", "build_gallery", "eval_mode"]


@dataclass(frozen=True, eq=False)
class Gallery:
    """Network outputs of K images in ascending order of their index; all on the CPU.

    Attributes:
        embeddings: (K, d) matcher embeddings, or None when they were not asked for.
        logits: (K, C) raw logits, or None when they were not asked for.
        classes: (K,) int64, or (K, C) bool for several labels an image.
        index: (K,) int64, which image of the data set each row is.
    """

    embeddings: Tensor | None
    logits: Tensor | None
    classes: Tensor
    index: Tensor

    def __len__(self) -> int:
        return len(self.index)


@contextmanager
def eval_mode(*networks: nn.Module) -> Iterator[None]:
    """Put networks into eval mode and give every part its own mode back afterwards."""
    modes = [(part, part.training) for network in networks for part in network.modules()]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def build_gallery(
    batches: Iterable[tuple[Tensor, Tensor, Tensor]],
    embed: Callable[[Tensor], Tensor] | None = None,
    predict: Callable[[Tensor], Tensor] | None = None,
) -> Gallery:
    """Run networks over images and keep what they say, without gradients.

    The callables own device and eval mode (see :func:`eval_mode`). Rows are sorted by image
    index, so that neither the loader's order nor sharding changes which of two equal teachers
    is the first.

    Args:
        batches: Of (images, classes, index).
        embed: Images to (B, d) embeddings, e.g. the matcher's M_V.
        predict: Images to (B, C) logits, e.g. the teacher.

    Returns:
        The gallery of all images.

    Raises:
        ValueError: If there is nothing to compute, no batch, or an image comes twice.
    """
    if embed is None and predict is None:
        raise ValueError("A gallery needs embed, predict or both, but both are None.")
    embeddings: list[Tensor] = []
    logits: list[Tensor] = []
    classes: list[Tensor] = []
    index: list[Tensor] = []
    with torch.no_grad():
        for images, labels, positions in batches:
            if embed is not None:
                embeddings.append(embed(images).cpu())
            if predict is not None:
                logits.append(predict(images).cpu())
            classes.append(labels.cpu())
            index.append(positions.cpu())
    if not index:
        raise ValueError("A gallery needs at least one image, but the loader gave no batch.")
    positions = torch.cat(index)
    order = positions.argsort(stable=True)
    positions = positions[order]
    repeated = positions[1:][positions[1:] == positions[:-1]]
    if len(repeated):
        raise ValueError(
            f"Image {int(repeated[0])} stands in the gallery twice; build it from a loader that "
            "gives every image once (no sampler that pads or repeats)."
        )
    return Gallery(
        embeddings=torch.cat(embeddings)[order] if embeddings else None,
        logits=torch.cat(logits)[order] if logits else None,
        classes=torch.cat(classes)[order],
        index=positions,
    )
