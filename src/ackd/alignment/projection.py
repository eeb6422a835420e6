"""From the student's widths to the teacher's."""

from __future__ import annotations

from torch import nn

from ackd.backbones import Outputs

__all__ = ["Projection"]


class Projection(nn.Module):
    """One bias-free Linear for z and one for zbar, where the widths differ and it is needed.

    Both live on the student's side. What is not needed is passed through and has no parameters,
    so that every parameter gets a gradient.
    """

    def __init__(
        self,
        student_dims: tuple[int, int],
        teacher_dims: tuple[int, int],
        z: bool = True,
        zbar: bool = True,
    ) -> None:
        """Build the projections.

        Args:
            student_dims: (D_z, D_zbar) of the student.
            teacher_dims: (D_z, D_zbar) of the teacher.
            z: Whether any active loss reads z.
            zbar: Whether any active loss reads zbar.
        """
        super().__init__()
        self.z = _linear(student_dims[0], teacher_dims[0], z)
        self.zbar = _linear(student_dims[1], teacher_dims[1], zbar)

    def forward(self, student: Outputs) -> Outputs:
        """Return the student's outputs with z and zbar in the teacher's widths."""
        return student._replace(z=self.z(student.z), zbar=self.zbar(student.zbar))


def _linear(width: int, target: int, needed: bool) -> nn.Module:
    if not needed or width == target:
        return nn.Identity()
    return nn.Linear(width, target, bias=False)
