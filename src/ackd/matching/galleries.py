"""What is known of every teacher image: its embedding (G1) and its logits (G2)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Gallery"]


@dataclass(frozen=True, eq=False)
class Gallery:
    """Network outputs of K images in ascending order of their index; all on the CPU.

    The order decides which of two equal teachers is the first one, so it is that of the data set,
    whatever loader or rank the outputs came from.

    Attributes:
        embeddings: (K, d) matcher embeddings, or None when they were not asked for.
        logits: (K, C) raw logits, or None when they were not asked for.
        classes: (K,) int64, or (K, C) bool for several labels an image.
        index: (K,) int64, which image of the data set each row is.

    Raises:
        ValueError: There is no image, one comes twice, or the lengths differ.
    """

    embeddings: Tensor | None
    logits: Tensor | None
    classes: Tensor
    index: Tensor

    def __post_init__(self) -> None:
        if not len(self.index):
            raise ValueError("A gallery needs at least one image, but its index is empty.")
        wrong = (self.index[1:] <= self.index[:-1]).nonzero().flatten()
        if len(wrong):
            raise ValueError(
                f"The index of a gallery ascends, but image {int(self.index[wrong[0] + 1])} comes "
                f"after {int(self.index[wrong[0]])}; give every image once, in order."
            )
        for name in ("embeddings", "logits", "classes"):
            part: Tensor | None = getattr(self, name)
            if part is not None and len(part) != len(self):
                raise ValueError(
                    f"A gallery has one row an image, but {name} has {len(part)} for {len(self)}."
                )

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.index)
