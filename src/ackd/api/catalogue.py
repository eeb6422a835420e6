"""What can be chosen, by name."""

from __future__ import annotations

from ackd.api.running import ProgramName, program_named
from ackd.config.groups import Groups
from ackd.config.programs import TRAIN

__all__ = ["list_backbones", "list_experiments", "list_losses", "list_networks"]


def list_losses() -> list[str]:
    """The distillation losses: values of ``kd`` in ``ackd.distill(..., kd="dkd")``."""
    return [name for name in Groups(TRAIN).of("kd") if name != "none"]


def list_backbones(pattern: str | None = None) -> list[str]:
    """Networks for scenes: names for :func:`ackd.build_backbone` and :func:`ackd.distill`.

    Args:
        pattern: Names of timm's networks too, as far as they fit it, e.g. ``"efficientnet*"``.

    Returns:
        The networks of the paper, and those of timm that fit.
    """
    from ackd.backbones import PAPER_BACKBONES  # late: it imports torch

    if pattern is None:
        return list(PAPER_BACKBONES)
    from fnmatch import fnmatchcase

    import timm

    found = [name for name in PAPER_BACKBONES if fnmatchcase(name, pattern)]
    return [*found, *(name for name in timm.list_models(pattern) if name not in found)]


def list_networks() -> list[str]:
    """Networks for segmentation: names for :func:`ackd.distill_segmentation`."""
    from ackd.segmentation import NETWORKS  # late: it imports torch

    return list(NETWORKS)


def list_experiments(*, program: ProgramName = "train") -> list[str]:
    """Ready-made runs: names for ``ackd.run({"+experiment": NAME, ...})``.

    Args:
        program: As in :func:`ackd.run`.
    """
    return Groups(program_named(program)).of("experiment")
