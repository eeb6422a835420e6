"""The geodesics of DistilVPR, and how the authors' total follows from ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ackd.losses import hyperbolic_relational_terms
from ackd.losses.poincare import ball_distance, to_ball
from tests.golden import Case, Golden, assert_close

F64 = {"rtol": 1e-7, "atol": 1e-11}
F32 = {"rtol": 5e-3, "atol": 1e-6}


def geodesics(x: Tensor, case: Case) -> Tensor:
    curvature = case.meta["curvature"]
    points = to_ball(x, curvature)
    return ball_distance(points, points, curvature)


@pytest.mark.parametrize(
    ("prefix", "dtype", "bounds"), [("f64", torch.float64, F64), ("f32", torch.float32, F32)]
)
def test_points_and_distances(
    golden: Callable[[str], Golden], prefix: str, dtype: torch.dtype, bounds: dict[str, float]
) -> None:
    compared = 0
    for case in golden("07_distilvpr"):
        x = case.inputs(dtype)
        if case.has(f"{prefix}.aux_poincare_s"):
            found = to_ball(x["fs"], case.meta["curvature"])
            assert_close(found, case.get(f"{prefix}.aux_poincare_s"), **bounds, what=case.name)
            compared += 1
        for side, key in (("ss", "fs"), ("tt", "ft")):
            found = geodesics(x[key], case)
            assert found.diagonal().abs().max() == 0
            # On their diagonal there is rounding noise, where ours is 0.
            expected = case.get(f"{prefix}.aux_geodist_{side}")
            assert_close(found, expected, bounds["rtol"], max(bounds["atol"], 1e-9), case.name)
            compared += 1
    assert compared == (15 if prefix == "f64" else 14)


def test_the_authors_total_is_ours_but_for_the_noise_on_the_diagonal(
    golden: Callable[[str], Golden],
) -> None:
    """Their mean runs over entries > 0, to which the diagonal adds as many as its noise lets."""
    for case in golden("07_distilvpr"):
        x = case.inputs()
        student, teacher = x["fs"].requires_grad_(), x["ft"]

        def relative(x: Tensor, side: str, case: Case = case) -> Tensor:
            distances = geodesics(x, case)
            count = len(x) * (len(x) - 1) + int(case.get(f"f64.aux_diag_pos_{side}"))
            return distances / (distances.sum() / count)

        geo = F.smooth_l1_loss(relative(student, "ss"), relative(teacher, "tt"))
        terms = hyperbolic_relational_terms(student, teacher)
        cross = torch.stack([v for name, v in terms.items() if not name.startswith("rkdg")]).sum()
        total = cross + 10 * (terms["rkdg_dist"] + terms["rkdg_angle"] + geo)
        for name, value in (("rkdg_geo", geo), ("ackd_vpr_total", total)):
            assert_close(value, case.get(f"f64.{name}"), **F64, what=f"{case.name}.{name}")
            (gradient,) = torch.autograd.grad(value, student, retain_graph=True)
            expected = case.get(f"f64.grad.{name}.fs")
            assert_close(gradient, expected, **F64, what=f"{case.name}.{name}, gradient")
