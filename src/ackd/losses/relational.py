"""Relational distillation: distances and angles in a batch (Park et al. 2019, arXiv 1904.05068)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from ackd.errors import ConfigError
from ackd.losses._checks import require_features, require_not_negative, require_option
from ackd.losses.method import DistillationLoss
from ackd.ops.precision import exact_matmul, full_precision

if TYPE_CHECKING:
    from ackd.backbones.outputs import Outputs

_SHORTEST = 1e-6  # distance of identical rows, the root of the authors' 1e-12
_EPS = 1e-12  # least length of a difference when it is normalised
_BLOCK_ELEMENTS = 2**23  # 32 MiB of float32 for each of a block's tensors
_WHY_TWO = "relations within a batch need pairs of rows"


@full_precision
def relational_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Return mean_ij smoothL1(d_ij(student), d_ij(teacher)), eqs 3-5 of Park et al.

    d_ij is the Euclidean distance of rows i and j, divided by its mean over all i != j. The mean of
    the loss runs over all B^2 entries. With B = 2 it is 0 whatever the features.

    Args:
        student: (B, D_S) features, B >= 2.
        teacher: (B, D_T) features; a constant. The widths may differ.

    Returns:
        A scalar >= 0 without unit, invariant to rotation, translation and scaling of either side.

    Raises:
        ValueError: The batches differ, or there are fewer than two rows.
    """
    require_features("student", student, "teacher", teacher, _WHY_TWO, same_width=False)
    return F.smooth_l1_loss(_relative_distances(student), _relative_distances(teacher.detach()))


def relational_angle(student: Tensor, teacher: Tensor, block: int | None = None) -> Tensor:
    """Return mean_ijk smoothL1(psi_ijk(student), psi_ijk(teacher)), eqs 6-8 of Park et al.

    psi_ijk = <e_ij, e_ik> is the cosine of the angle at row i, e_ij the unit vector from i to j;
    entries with j = i or k = i are 0. The B^3 entries are worked through in blocks of anchors i
    that are computed again in the backward pass, so memory grows as B (B + D), not as B^3.

    Where two rows of the student coincide but not those of the teacher, e_ij is a jump: the
    gradient is of the order 1e10, as in the authors' code.

    Args:
        student: (B, D_S) features, B >= 2.
        teacher: (B, D_T) features; a constant. The widths may differ.
        block: Anchors at a time; by default as many as fit about 32 MiB. It changes the value by
            rounding only.

    Returns:
        A scalar >= 0 without unit, invariant to rotation, translation and scaling of either side.

    Raises:
        ValueError: The batches differ, there are fewer than two rows, or the block is < 1.
    """
    require_features("student", student, "teacher", teacher, _WHY_TWO, same_width=False)
    if block is not None and block < 1:
        raise ValueError(f"block must be >= 1 anchor, but it is {block}.")
    count = student.shape[0]
    widest = max(student.shape[1], teacher.shape[1], count)
    size = min(block or max(1, _BLOCK_ELEMENTS // (count * widest)), count)
    return _angle_loss(student, teacher.detach(), size)


@full_precision
def _angle_loss(student: Tensor, teacher: Tensor, size: int) -> Tensor:
    count = student.shape[0]
    if size >= count:
        return _angle_sum(student, teacher, 0, count) / count**3
    total = student.new_zeros(())
    for first in range(0, count, size):
        last = min(first + size, count)
        total = total + checkpoint(
            _angle_sum,
            student,
            teacher,
            first,
            last,
            use_reentrant=False,
            preserve_rng_state=False,
        )
    return total / count**3


def _angle_sum(student: Tensor, teacher: Tensor, first: int, last: int) -> Tensor:
    """Return the sum of the loss over the anchors first <= i < last, in any order of (j, k)."""
    return F.smooth_l1_loss(
        _cosines(student, first, last), _cosines(teacher, first, last), reduction="sum"
    )


def _cosines(x: Tensor, first: int, last: int) -> Tensor:
    """Return psi_ijk for the anchors first <= i < last, shape (last - first, B, B)."""
    directions = F.normalize(x[None] - x[first:last, None], dim=2, eps=_EPS)
    return exact_matmul(directions, directions.mT)


def _relative_distances(x: Tensor) -> Tensor:
    """Return the (B, B) distances over their off-diagonal mean; the diagonal is 0."""
    count = x.shape[0]
    # Differences first: |x|^2 + |y|^2 - 2xy loses near neighbours to rounding in float32.
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    diagonal = torch.eye(count, dtype=torch.bool, device=x.device)
    distances = distances.clamp_min(_SHORTEST).masked_fill(diagonal, 0.0)
    return distances / (distances.sum() / (count * (count - 1)))


class RelationalKD(DistillationLoss):
    """Relational distillation on the fused features zbar; parts ``distance`` and ``angle``.

    Args:
        distance_weight: Weight >= 0 of the distances.
        angle_weight: Weight >= 0 of the angles.
        factor: Factor >= 0 on both. The ACKD release uses 0.1.
        detach_student: Detach zbar, so that the loss is reported but trains nothing. The ACKD
            release does that.

    Raises:
        ConfigError: An option is out of its range.
    """

    needs = frozenset({"zbar"})

    def __init__(
        self,
        distance_weight: float = 25.0,
        angle_weight: float = 50.0,
        factor: float = 1.0,
        detach_student: bool = False,
    ) -> None:
        super().__init__()
        require_not_negative("distance_weight", distance_weight, ConfigError)
        require_not_negative("angle_weight", angle_weight, ConfigError)
        require_not_negative("factor", factor, ConfigError)
        require_option("detach_student", detach_student)
        self.distance_weight = distance_weight
        self.angle_weight = angle_weight
        self.factor = factor
        self.detach_student = detach_student

    def forward(
        self, student: Outputs, teacher: Outputs, target: Tensor, epoch: int
    ) -> dict[str, Tensor]:
        """Return ``{"distance": scalar, "angle": scalar}``, weighted; see the base class."""
        zbar = student.zbar.detach() if self.detach_student else student.zbar
        distance = relational_distance(zbar, teacher.zbar)
        angle = relational_angle(zbar, teacher.zbar)
        return {
            "distance": self.factor * self.distance_weight * distance,
            "angle": self.factor * self.angle_weight * angle,
        }
