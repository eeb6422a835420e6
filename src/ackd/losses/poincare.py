"""Distances in the Poincare ball of curvature -c (Ganea et al. 2018, arXiv 1805.09112).

The small constants are those of the hyperbolic code that DistilVPR builds on; they decide the
value near the edge of the ball, where features of usual size end up.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LARGEST_TANH = 15.0
_EDGE = 1e-3  # the ball ends at (1 - 1e-3) / sqrt(c)
_DENOMINATOR = 1e-5  # added to the denominator of the Mobius sum
_LARGEST_ARTANH = 1 - 1e-5
_SHORTEST = 1e-5  # least norm that is divided by


def to_ball(x: Tensor, curvature: float) -> Tensor:
    """Map tangent vectors at the origin into the ball: tanh(sqrt(c) |x|) x / (sqrt(c) |x|).

    Args:
        x: (B, D) vectors.
        curvature: c > 0.

    Returns:
        (B, D) points of norm <= (1 - 1e-3) / sqrt(c).
    """
    root = math.sqrt(curvature)
    norm = x.norm(dim=1, keepdim=True).clamp_min(_SHORTEST)
    points = torch.tanh((root * norm).clamp_max(_LARGEST_TANH)) * x / (root * norm)
    norm = points.norm(dim=1, keepdim=True).clamp_min(_SHORTEST)
    largest = (1 - _EDGE) / root
    return torch.where(norm > largest, points / norm * largest, points)


def ball_distance(x: Tensor, y: Tensor, curvature: float) -> Tensor:
    """Return the geodesic distances 2 / sqrt(c) * artanh(sqrt(c) |(-x_i) (+) y_j|).

    With M = (1 - c|x|^2)(1 - c|y|^2) + c|x - y|^2 the norm of the Mobius sum is |x - y| / sqrt(M),
    or sqrt(M) |x - y| / (M + 1e-5) with the constant of the denominator. This form needs no
    (B, B, D) tensor, and no difference of large numbers where both points lie near the edge.

    Args:
        x: (B, D) points of the ball.
        y: (K, D) points of the ball.
        curvature: c > 0.

    Returns:
        (B, K) distances >= 0, exactly 0 between equal points.
    """
    root = math.sqrt(curvature)
    gap = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
    room_x = 1 - curvature * x.square().sum(dim=1, keepdim=True)
    room_y = 1 - curvature * y.square().sum(dim=1, keepdim=True)
    denominator = room_x * room_y.mT + curvature * gap.square()
    u = root * gap * denominator.sqrt() / (denominator + _DENOMINATOR)
    # Beyond the limit the value stands still, but the gradient is that at the limit, not 0.
    limited = u.detach().clamp_max(_LARGEST_ARTANH) + (u - u.detach())
    return 2 / root * torch.atanh(limited)
