"""What every distillation method looks like to a training step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

if TYPE_CHECKING:
    from ackd.backbones.outputs import Outputs


class DistillationLoss(nn.Module, ABC):
    """Base of the distillation methods: (student, teacher, target, epoch) -> named scalars.

    Every returned part is already weighted, so that the method's loss is the sum of the values.
    The teacher is a constant in each method: no gradient reaches it.

    Attributes:
        uses_zbar: Whether the method reads zbar, so that a student of another width needs a
            projection to the teacher's.
    """

    uses_zbar: ClassVar[bool] = False

    @abstractmethod
    def forward(
        self, student: Outputs, teacher: Outputs, target: Tensor, epoch: int
    ) -> dict[str, Tensor]:
        """Return the weighted parts of the loss.

        Args:
            student: The student's outputs for a batch of B images.
            teacher: The teacher's outputs for the B images matched to them.
            target: (B,) class indices of the student's images.
            epoch: Number of the running epoch; the first one is 0.

        Returns:
            Scalar tensors by name.
        """
