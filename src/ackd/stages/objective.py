"""The student's loss: the active terms of eq 21, built, and tried on one small batch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from ackd.alignment import SKA, Projection
from ackd.backbones import Outputs
from ackd.config.launch.targets import instantiate
from ackd.config.schema import Config
from ackd.errors import AckdError, ConfigError
from ackd.losses import READINGS_OF_TEACHER_LOGITS, needs_of
from ackd.losses.method import Part
from ackd.modules import DistillationObjective, LossWeights
from ackd.ops.gathering import gather_batch

__all__ = ["make_objective", "reads", "try_losses"]

log = logging.getLogger("ackd")

# Enough images for losses that relate the images of a batch.
BATCH = 4
CONTRACT = (
    "a loss is called as loss(student, teacher, target, epoch) with two ackd.backbones.Outputs, "
    "and returns a scalar or a dictionary of named scalars"
)


class Widths(Protocol):
    """Whatever tells the widths of features."""

    z_dim: int
    zbar_dim: int


def make_objective(
    config: Config, student: Widths, teacher: Widths | None
) -> DistillationObjective:
    """Build the active terms of eq 21, and only those.

    Args:
        config: Of the run.
        student: The network, or what else tells its widths.
        teacher: The same; None for a student that learns alone.

    Raises:
        ConfigError: A loss cannot be built, or the Planner's heads do not divide the width.
    """
    loss = config.loss
    kd: dict[str, nn.Module] = {}
    projection: Projection | None = None
    ska: SKA | None = None
    if teacher is not None:
        kd = _kd_losses(config)
        if config.aligns:
            ska = SKA(
                teacher.z_dim, ot1=config.ska.ot1, ot2=config.ska.ot2, scaling=config.ska.coral,
                patches=config.ska.patches, gather=gather_batch if loss.gather else None,
                **config.planner.arguments,
            )  # fmt: skip
        projection = Projection(
            (student.z_dim, student.zbar_dim),
            (teacher.z_dim, teacher.zbar_dim),
            z="z" in reads(config, kd),
            zbar="zbar" in reads(config, kd),
        )
    kd_weights = {name: loss.kd[name].weight for name in kd}
    weights = LossWeights(loss.task, loss.lambda1, loss.alignment, kd_weights)
    return DistillationObjective(
        weights, kd, projection, ska, gather=loss.gather,
        teacher_logits=READINGS_OF_TEACHER_LOGITS[loss.teacher_logits],
    )  # fmt: skip


def _kd_losses(config: Config) -> dict[str, nn.Module]:
    """The distillation losses that weigh anything, by name."""
    terms = config.loss.kd.items() if config.loss.lambda1 > 0 else ()
    return {
        name: instantiate(term.loss, f"loss.kd.{name}.loss") for name, term in terms if term.weight
    }


def reads(config: Config, kd: Mapping[str, nn.Module] | None = None) -> frozenset[Part]:
    """What the student's loss reads of the teacher: its losses' ``needs`` and those of alignment.

    Args:
        config: Of the run.
        kd: Its distillation losses, where they have been built.
    """
    if kd is None:
        with torch.random.fork_rng(devices=[]):
            kd = _kd_losses(config)
    needed: set[Part] = set()
    for loss in kd.values():
        needed |= needs_of(loss)
    if config.aligns:
        needed |= {"z"} if config.ska.ot1 else set()
        needed |= {"zbar"} if config.ska.ot2 else set()
    return frozenset(needed)


def try_losses(config: Config, classes: int, student: Outputs, teacher: Outputs) -> None:
    """Compute every active term of the loss and its gradient for a batch of random features.

    Args:
        config: Of the run.
        classes: How many the target has.
        student: Outputs of its network for one image or more, of which only the shapes matter.
        teacher: The same.

    Raises:
        ConfigError: A term cannot be built or computed, is not a finite scalar, or has a gradient
            that is not finite; the option, the class and what was expected are named.
    """
    objective = make_objective(config, _Shapes(student), _Shapes(teacher))
    keeps_z = config.student.teacher == "live" or "z" in reads(config)
    generator = torch.Generator().manual_seed(0)
    target = torch.arange(BATCH) % classes

    def draw() -> tuple[Outputs, Outputs]:
        taught = _random(teacher, generator, grad=False)
        # As the store of the teacher's outputs gives it.
        taught = taught if keeps_z else taught._replace(z=taught.z[:, :0])
        return _random(student, generator, grad=True), taught

    for name, loss in objective.kd.items():
        ours, theirs = draw()
        projected = objective.projection(ours) if objective.projection is not None else ours
        option = f"loss.kd.{name}.loss ({_path(loss)})"
        try:
            parts = loss(projected, objective.as_taught(theirs), target, 0)
            total = _total(parts)
            _require_gradients(total, ours, loss)
        except Exception as error:
            # Whatever a loss raises about random features is about their shapes.
            raise ConfigError(f"{option}: {_said(error)}; {_given(projected, theirs)}") from error
        if not total.requires_grad:
            log.info(
                "%s has no gradient for the student: it is reported and trains nothing", option
            )
    ours, theirs = draw()
    try:
        terms = objective(ours.logits.sum() * 0, ours, theirs, target, 0)
        _require_gradients(terms.total, ours, objective)
    except Exception as error:
        raise ConfigError(f"loss: {_said(error)}; {_given(ours, theirs)}") from error


class _Shapes:
    """The widths of a network that has given these outputs."""

    def __init__(self, outputs: Outputs) -> None:
        self.z_dim = outputs.z.shape[2]
        self.zbar_dim = outputs.zbar.shape[1]


def _random(like: Outputs, generator: torch.Generator, *, grad: bool) -> Outputs:
    def draw(part: Tensor) -> Tensor:
        return torch.randn(BATCH, *part.shape[1:], generator=generator).requires_grad_(grad)

    return Outputs(draw(like.z), draw(like.zbar), draw(like.logits), like.grid)


def _total(parts: object) -> Tensor:
    """The sum of what a loss returned, if those are finite scalars."""
    named = {"loss": parts} if isinstance(parts, Tensor) else parts
    if not isinstance(named, dict) or not named:
        raise ConfigError(f"it returned a {type(parts).__name__}, but {CONTRACT}")
    for name, value in named.items():
        if not isinstance(value, Tensor) or value.numel() != 1:
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ConfigError(f"its part '{name}' is not a scalar but {shape}, and {CONTRACT}")
        if not bool(torch.isfinite(value).all()):
            raise ConfigError(f"its part '{name}' is {value.item()} for random features")
    return torch.stack([value.reshape(()) for value in named.values()]).sum()


def _require_gradients(total: Tensor, student: Outputs, module: nn.Module) -> None:
    """Go backward; every gradient must be finite."""
    if not total.requires_grad:
        return
    total.backward()  # type: ignore[no-untyped-call]
    reached = {"z": student.z, "zbar": student.zbar, "logits": student.logits}
    for name, tensor in (*reached.items(), *module.named_parameters()):
        if tensor.grad is not None and not bool(torch.isfinite(tensor.grad).all()):
            raise ConfigError(f"its gradient for {name} is not finite for random features")


def _path(loss: nn.Module) -> str:
    return f"{type(loss).__module__}.{type(loss).__qualname__}"


def _said(error: Exception) -> str:
    said = str(error).strip().rstrip(".")
    if isinstance(error, AckdError):
        return said
    return (
        f"it failed with {type(error).__name__}: {said.splitlines()[0] if said else ''}; {CONTRACT}"
    )


def _given(student: Outputs, teacher: Outputs) -> str:
    shapes = [
        f"the {whose}'s z {tuple(o.z.shape)}, zbar {tuple(o.zbar.shape)} and logits "
        f"{tuple(o.logits.shape)}"
        for whose, o in (("student", student), ("teacher", teacher))
    ]
    return f"it was tried with {' and '.join(shapes)}."
