"""The options of a run that had an effect on its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ackd.config.programs import SEGMENT, stages_of_all
from ackd.config.schema.identity import shaping_options
from ackd.config.schema.training import SWITCHES
from ackd.utils.values import dig, leaves, under

__all__ = ["settings_of"]


def settings_of(config: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """Find all options of a run that had an effect on its numbers.

    DynM's gamma has none without DynM, the teacher none on a student alone.

    Args:
        config: The resolved configuration; may be of another version, or empty.
        result: Content of ``result.json``, for what the configuration does not say.

    Returns:
        Values by dotted names, and ``kd``: the distillation losses in force, joined by +.
    """
    kd = [str(name) for name in dig(config, "loss.kd") or ()]
    weight = dig(config, "loss.lambda1")
    kd_works = bool(kd) and weight != 0
    found = shaping_options(leaves(config))
    found.setdefault("method", result.get("method"))
    found.setdefault("student.backbone.name", dig(result, "student.backbone"))
    for stage in stages_of_all("trained"):
        # A network of the user's own is called after its class.
        own = found.get(f"{stage}.backbone._target_")
        found |= {f"{stage}.backbone.name": own} if own else {}
    # Off, they are what they were before there were such options.
    without = [
        f"{stage}.{section}"
        for stage in stages_of_all("trained")
        for section, switch in SWITCHES.items()
        if found.get(f"{stage}.{section}.{switch}") is None
    ]
    dynm, ot1, ot2 = (found.get(key, True) for key in ("dynm.enabled", "ska.ot1", "ska.ot2"))
    if not (kd_works or ot1 or ot2):  # the student alone
        without += ["teacher", "matching", "dynm", "loss", "student.augment_ms", "transport"]
    if not dynm:
        without += [key for key in found if key.startswith("dynm.") and key != "dynm.enabled"]
    if not ot1:
        without += ["planner", "ska.patches"]
    if not (ot1 or ot2):
        without += ["ska.coral", "loss.lambda2"]
    if not kd_works:
        without += ["loss.kd", "loss.lambda1"]
    if found.get("matching.initial") != "ssm" or "matching" in without:
        without.append("matcher")
    if result.get("task") == SEGMENT.task:
        without += _idle_in_segmentation(config, result)
    kept = {
        # 3 and 3.0 are one value, whichever way a command line wrote it.
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in found.items()
        if not under(key, without)
        and not (key.startswith("loss.kd.") and key.endswith(".title"))
        # An empty one is of a version that has no such option.
        and not (key.endswith(".backbone._target_") and value is None)
        and not (key.endswith((".label_smoothing", ".class_weights")) and value in (0, "none"))
        and not (".scheduler." in key and value in (None, "none"))
    }
    return kept | {"kd": "+".join(sorted(kd)) if kd_works else ""}


def _idle_in_segmentation(config: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    """Options of stages that a row of the table does not have, and of labels that it does not see.

    A student that is not fine-tuned is the same one however many labels there are.
    """
    stages = [stage for stage in SEGMENT.config.trained() if stage != "student"]
    idle = [stage for stage in stages if not result.get(stage)]
    if not result.get("student"):
        return [*idle, "student", "labels"]
    if dig(config, "student.finetune") == "none":
        training = set(dig(config, "student") or ()) - {"start", "first", "finetune"}
        idle += ["labels", *(f"student.{name}" for name in sorted(training))]
    return idle
