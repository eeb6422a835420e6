"""What every distillation method looks like to a training step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal, get_args

from torch import Tensor, nn

from ackd.errors import ConfigError, unknown

if TYPE_CHECKING:
    from ackd.backbones.outputs import Outputs

Part = Literal["logits", "zbar", "z"]
"""What a loss may read of the outputs of a student and its teacher."""

EVERYTHING: frozenset[Part] = frozenset(get_args(Part))


def needs_of(loss: nn.Module) -> frozenset[Part]:
    """What a loss reads: its attribute ``needs``, and everything where it has none.

    Raises:
        ConfigError: ``needs`` holds something else than names of :class:`~ackd.backbones.Outputs`.
    """
    needs = getattr(loss, "needs", EVERYTHING)
    name = type(loss).__name__
    if isinstance(needs, str) or not isinstance(needs, frozenset | set | list | tuple):
        raise ConfigError(
            f"{name}.needs is {needs!r}; expected names out of {', '.join(get_args(Part))}."
        )
    for part in needs:
        if part not in EVERYTHING:
            raise unknown("part", str(part), get_args(Part), f"{name}.needs")
    return frozenset(needs)


class DistillationLoss(nn.Module, ABC):
    """Base of the distillation methods: (student, teacher, target, epoch) -> named scalars.

    Every returned part is already weighted, so that the method's loss is the sum of the values.
    The teacher is a constant in each method: no gradient reaches it.

    Attributes:
        needs: What the method reads. A student of another width gets a projection of zbar and z to
            the teacher's only for a loss that reads them, and z of all training images is kept
            only then. A method that reads zbar relates the images of a batch: on several devices
            it sees the batch of all of them.
    """

    needs: frozenset[Part] = frozenset({"logits"})

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
