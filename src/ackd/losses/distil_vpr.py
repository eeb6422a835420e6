"""DistilVPR: relations in Euclidean, cosine and hyperbolic form (Wang et al. 2024, 2312.10616)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from ackd.errors import ConfigError
from ackd.losses._checks import require_features, require_not_negative, require_positive
from ackd.losses.method import DistillationLoss
from ackd.losses.poincare import ball_distance, to_ball
from ackd.losses.relational import relational_angle, relational_distance
from ackd.ops.precision import exact_matmul, full_precision

if TYPE_CHECKING:
    from ackd.backbones.outputs import Outputs

_RELATIONAL = ("rkdg_dist", "rkdg_angle", "rkdg_geo_offdiag_mean")
_LEAST_MEAN = 1e-12  # keeps coinciding features from dividing 0 by 0


def hyperbolic_relational_kd(
    student: Tensor,
    teacher: Tensor,
    curvature: float = 0.1,
    cross_weight: float = 0.1,
    relational_weight: float = 10.0,
) -> Tensor:
    """Return the six cross terms plus ``relational_weight`` times the three relational ones.

    See ``hyperbolic_relational_terms`` for the equations of Wang et al. 2024.

    Args:
        student: (B, D) features, B >= 2.
        teacher: (B, D) features of the same width; a constant.
        curvature: c > 0 of the ball.
        cross_weight: Weight >= 0 of each cross term.
        relational_weight: Weight >= 0 of each relational term.

    Returns:
        A scalar >= 0.

    Raises:
        ValueError: Shapes differ, there are fewer than two rows, or a number is out of its range.
    """
    parts = _weighted(student, teacher, curvature, cross_weight, relational_weight)
    return torch.stack(list(parts.values())).sum()


@full_precision
def hyperbolic_relational_terms(
    student: Tensor, teacher: Tensor, curvature: float = 0.1, cross_weight: float = 0.1
) -> dict[str, Tensor]:
    """Return the nine parts of DistilVPR's loss.

    With S, Q the rows of student and teacher scaled to length 1, [.] a constant and R a relation -
    ``dist`` the Euclidean distance, ``sim`` the cosine, ``geo`` the geodesic distance of S and Q
    mapped into the Poincare ball - the cross terms are

    - ``<R>_st2ss`` = cross_weight * mean_ij (R(S_i, S_j) - [R(S_i, Q_j)])^2
    - ``<R>_tt2st`` = cross_weight * mean_ij (R(S_i, Q_j) - [R(Q_i, Q_j)])^2

    The relational terms, unweighted, are ``rkdg_dist`` and ``rkdg_angle`` (see
    ``relational_distance`` and ``relational_angle``) and ``rkdg_geo_offdiag_mean``, the mean
    smoothL1 of the geodesic distances within each side's unscaled features, each divided by its
    mean over i != j. (The authors divide by a mean over entries > 0, to which the diagonal's
    rounding noise contributes at random.)

    Args:
        student: (B, D) features, B >= 2.
        teacher: (B, D) features of the same width; a constant.
        curvature: c > 0 of the ball.
        cross_weight: Weight >= 0 of each cross term.

    Returns:
        Nine scalars >= 0 by name.

    Raises:
        ValueError: Shapes differ, there are fewer than two rows, or a number is out of its range.
    """
    require_features(
        "student", student, "teacher", teacher, "relations within a batch need pairs of rows"
    )
    require_positive("curvature", curvature)
    require_not_negative("cross_weight", cross_weight)
    teacher = teacher.detach()
    s, q = F.normalize(student, dim=1), F.normalize(teacher, dim=1)
    ball_s, ball_q = to_ball(s, curvature), to_ball(q, curvature)

    def geodesic(x: Tensor, y: Tensor) -> Tensor:
        return ball_distance(x, y, curvature)

    relations: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Tensor, Tensor]] = {
        "dist": (_distance, s, q),
        "sim": (_cosine, s, q),
        "geo": (geodesic, ball_s, ball_q),
    }
    terms = {}
    for name, (relation, x_student, x_teacher) in relations.items():
        across = relation(x_student, x_teacher)
        within_student = relation(x_student, x_student)
        within_teacher = relation(x_teacher, x_teacher)
        terms[f"{name}_st2ss"] = cross_weight * F.mse_loss(within_student, across.detach())
        terms[f"{name}_tt2st"] = cross_weight * F.mse_loss(across, within_teacher)
    terms["rkdg_dist"] = relational_distance(student, teacher)
    terms["rkdg_angle"] = relational_angle(student, teacher)
    terms["rkdg_geo_offdiag_mean"] = F.smooth_l1_loss(
        _relative_geodesics(student, curvature), _relative_geodesics(teacher, curvature)
    )
    return terms


def _weighted(
    student: Tensor,
    teacher: Tensor,
    curvature: float,
    cross_weight: float,
    relational_weight: float,
) -> dict[str, Tensor]:
    require_not_negative("relational_weight", relational_weight)
    terms = hyperbolic_relational_terms(student, teacher, curvature, cross_weight)
    return {
        name: relational_weight * value if name in _RELATIONAL else value
        for name, value in terms.items()
    }


def _distance(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def _cosine(x: Tensor, y: Tensor) -> Tensor:
    return exact_matmul(x, y.mT)


def _relative_geodesics(x: Tensor, curvature: float) -> Tensor:
    """Return the (B, B) geodesic distances over their off-diagonal mean."""
    count = x.shape[0]
    points = to_ball(x, curvature)
    distances = ball_distance(points, points, curvature)
    return distances / (distances.sum() / (count * (count - 1))).clamp_min(_LEAST_MEAN)


class HyperbolicRelationalKD(DistillationLoss):
    """DistilVPR on the fused features zbar; the nine parts of ``hyperbolic_relational_terms``.

    Student and teacher features must be equally wide.

    Args:
        curvature: c > 0 of the ball.
        cross_weight: Weight >= 0 of each of the six cross terms.
        relational_weight: Weight >= 0 of each of the three relational terms.

    Raises:
        ConfigError: An option is out of its range.
    """

    needs = frozenset({"zbar"})

    def __init__(
        self, curvature: float = 0.1, cross_weight: float = 0.1, relational_weight: float = 10.0
    ) -> None:
        super().__init__()
        require_positive("curvature", curvature, ConfigError)
        require_not_negative("cross_weight", cross_weight, ConfigError)
        require_not_negative("relational_weight", relational_weight, ConfigError)
        self.curvature = curvature
        self.cross_weight = cross_weight
        self.relational_weight = relational_weight

    def forward(
        self, student: Outputs, teacher: Outputs, target: Tensor, epoch: int
    ) -> dict[str, Tensor]:
        """Return the nine weighted parts by name; see the base class."""
        return _weighted(
            student.zbar,
            teacher.zbar,
            self.curvature,
            self.cross_weight,
            self.relational_weight,
        )
