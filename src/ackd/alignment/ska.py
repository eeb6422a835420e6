"""Semantic-aware knowledge alignment: the losses L_ot1 and L_ot2, eqs 15-20."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from ackd.alignment.planner import Planner
from ackd.alignment.plans import (
    apply_plan,
    coupling_plan,
    cross_plans,
    energy_scale,
    patch_epsilon,
    plan_epsilon,
)
from ackd.backbones import Outputs
from ackd.errors import ConfigError, unknown
from ackd.losses import coral

__all__ = ["SKA", "SemanticAwareAlignment"]

_CHOICES = {
    "kind": ("planner.kind", ("intra", "cross")),
    "normaliser": ("planner.normaliser", ("plan", "patch")),
    "rescale": ("planner.rescale", ("none", "energy")),
    "scaling": ("ska.coral", ("paper", "official", "deep_coral")),
    "patches": ("ska.patches", ("flatten", "tokens", "pooled")),
}


class SemanticAwareAlignment(nn.Module):
    """L_ot1 = CORAL(D_T, D_S) of planned patches, L_ot2 = CORAL(zbar_T, zbar_S), eq 20.

    Only what an active term needs is built, so every parameter gets a gradient. CORAL compares
    a batch, so it needs at least two images.
    """

    def __init__(
        self,
        dim: int,
        heads: int = 8,
        *,
        kind: Literal["intra", "cross"] = "intra",
        shared: bool = False,
        normaliser: Literal["plan", "patch"] = "plan",
        rescale: Literal["none", "energy"] = "none",
        ot1: bool = True,
        ot2: bool = True,
        scaling: Literal["paper", "official", "deep_coral"] = "paper",
        patches: Literal["flatten", "tokens", "pooled"] = "flatten",
        inner_dim: int | None = None,
        gather: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """Build the Planners that the active terms need.

        Args:
            dim: D_z of the teacher; the student's z comes projected to it.
            heads: H of the Planner.
            kind: ``"intra"`` for eqs 17-18, in which each modality is weighed by its own plan;
                ``"cross"`` for plans in which the other modality's patches ask, an addition to
                the paper (see :func:`ackd.alignment.coupling_plan`).
            shared: One Planner for both modalities instead of two.
            normaliser: epsilon of eq 18: ``"plan"`` for the mean of the pooled plan,
                ``"patch"`` for the scalar mean of the patches. Of no meaning to ``"cross"``.
            rescale: ``"energy"`` gives the mean patch its energy back, as the authors' code does.
            ot1: Whether L_ot1 is computed.
            ot2: Whether L_ot2 is computed.
            scaling: Of CORAL, see :func:`ackd.losses.coral`.
            patches: How D_T and D_S become CORAL's samples: ``"flatten"`` (B, N * D),
                ``"tokens"`` (B * N, D), ``"pooled"`` (B, D), the mean over patches.
            inner_dim: Width of queries and keys, None for ``dim``.
            gather: Collects a (B, ...) tensor from all processes, with gradient, before CORAL.

        Raises:
            ConfigError: If an option is unknown, options contradict each other, or no term is
                active.
        """
        super().__init__()
        chosen = {
            "kind": kind,
            "normaliser": normaliser,
            "rescale": rescale,
            "scaling": scaling,
            "patches": patches,
        }
        for option, value in chosen.items():
            path, choices = _CHOICES[option]
            if value not in choices:
                raise unknown(option, value, choices, path)
        if not (ot1 or ot2):
            raise ConfigError(
                "Alignment without a term has nothing to compute (ska.ot1=false and "
                "ska.ot2=false); switch one on or leave the alignment out."
            )
        if kind == "cross" and normaliser != "plan":
            raise ConfigError(
                f"planner.normaliser={normaliser} has no effect on planner.kind=cross, whose "
                "weights need no epsilon; leave it at plan."
            )
        self.kind = kind
        self.normaliser = normaliser
        self.rescale = rescale
        self.ot1 = ot1
        self.ot2 = ot2
        self.scaling = scaling
        self.patches = patches
        self.gather = gather
        if ot1:
            self.student_planner = Planner(dim, heads, inner_dim)
            self.teacher_planner = (
                self.student_planner if shared else Planner(dim, heads, inner_dim)
            )

    def forward(self, student: Outputs, teacher: Outputs) -> dict[str, Tensor]:
        """Compute the active terms.

        Args:
            student: Outputs with z and zbar in the teacher's widths.
            teacher: Outputs on the matched images, without gradient.

        Returns:
            Scalars ``"ot1"`` and ``"ot2"``, whichever are active.

        Raises:
            ValueError: If the widths of z or zbar differ.
        """
        losses: dict[str, Tensor] = {}
        if self.ot1:
            losses["ot1"] = self._coral(*self.compared(student, teacher))
        if self.ot2:
            _same_width("zbar", student.zbar, teacher.zbar)
            losses["ot2"] = self._coral(teacher.zbar, student.zbar)
        return losses

    def compared(self, student: Outputs, teacher: Outputs) -> tuple[Tensor, Tensor]:
        """Return the samples of D_T and D_S, each (rows, d), whose covariances L_ot1 compares."""
        d_t, d_s = self.planned(student, teacher)
        return self._samples(d_t), self._samples(d_s)

    def planned(self, student: Outputs, teacher: Outputs) -> tuple[Tensor, Tensor]:
        """Compute D_T and D_S of eq 19, each (B, N, D_z), on the smaller of the two grids.

        The patches are pooled before they are planned. Plans of unequal N would weigh one side's
        patches by 1/N_S and the other's by 1/N_T, and L_ot1 would measure that factor.

        Raises:
            ValueError: If the widths of z differ, or there is no Planner (ot1 is off).
        """
        if not self.ot1:
            raise ValueError("There is no Planner, because L_ot1 is off (ska.ot1=false).")
        _same_width("z", student.z, teacher.z)
        z_t, z_s = _common_grid(teacher, student)
        if self.kind == "cross":
            (q_t, k_t), (q_s, k_s) = (
                self.teacher_planner.project(z_t),
                self.student_planner.project(z_s),
            )
            plan_t, plan_s = coupling_plan(q_s, k_t), coupling_plan(q_t, k_s)
        else:
            pooled_t, pooled_s = self.teacher_planner(z_t), self.student_planner(z_s)
            if self.normaliser == "plan":
                epsilon_t, epsilon_s = plan_epsilon(pooled_t), plan_epsilon(pooled_s)
            else:
                epsilon_t, epsilon_s = patch_epsilon(z_t), patch_epsilon(z_s)
            plan_t, plan_s = cross_plans(pooled_t, pooled_s, epsilon_t, epsilon_s)
        return self._weigh(plan_t, z_t), self._weigh(plan_s, z_s)

    def _weigh(self, plan: Tensor, z: Tensor) -> Tensor:
        weighted = apply_plan(plan, z)
        return weighted if self.rescale == "none" else energy_scale(z, weighted) * weighted

    def _samples(self, d: Tensor) -> Tensor:
        if self.patches == "flatten":
            return d.flatten(1)
        return d.flatten(0, 1) if self.patches == "tokens" else d.mean(dim=1)

    def _coral(self, teacher: Tensor, student: Tensor) -> Tensor:
        if self.gather is not None:
            teacher, student = self.gather(teacher), self.gather(student)
        return coral(teacher, student, scaling=self.scaling)


SKA = SemanticAwareAlignment
"""The module's name in the paper, abbreviated."""


def _common_grid(teacher: Outputs, student: Outputs) -> tuple[Tensor, Tensor]:
    """Average-pool the larger patch grid to the smaller: two (B, N, D)."""
    if teacher.grid == student.grid:
        return teacher.z, student.z
    height = min(teacher.grid[0], student.grid[0])
    width = min(teacher.grid[1], student.grid[1])
    return _pool(teacher, (height, width)), _pool(student, (height, width))


def _pool(outputs: Outputs, grid: tuple[int, int]) -> Tensor:
    if outputs.grid == grid:
        return outputs.z
    maps = outputs.z.mT.reshape(len(outputs.z), -1, *outputs.grid)
    return functional.adaptive_avg_pool2d(maps, grid).flatten(2).mT


def _same_width(name: str, student: Tensor, teacher: Tensor) -> None:
    if student.shape[-1] != teacher.shape[-1]:
        raise ValueError(
            f"{name} is {student.shape[-1]} wide in the student and {teacher.shape[-1]} in the "
            "teacher; lead the student's to the teacher's width first (ackd.alignment.Projection)."
        )
