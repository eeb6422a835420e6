"""Transport plans between the patches of both modalities, and the losses that align them."""

from ackd.alignment.intermediates import planner_intermediates
from ackd.alignment.planner import Planner
from ackd.alignment.plans import (
    apply_plan,
    coupling_plan,
    cross_plans,
    energy_scale,
    patch_epsilon,
    plan_epsilon,
    pooled_plan,
)
from ackd.alignment.projection import Projection
from ackd.alignment.ska import SKA, SemanticAwareAlignment

__all__ = [
    "SKA",
    "Planner",
    "Projection",
    "SemanticAwareAlignment",
    "apply_plan",
    "coupling_plan",
    "cross_plans",
    "energy_scale",
    "patch_epsilon",
    "plan_epsilon",
    "planner_intermediates",
    "pooled_plan",
]
