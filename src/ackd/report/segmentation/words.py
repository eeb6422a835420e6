"""Sentences that several tables and figures share."""

from __future__ import annotations

from ackd.report.conditions import DataSet
from ackd.tasks import MetricDescription
from ackd.utils.values import dig

__all__ = ["class_of", "measured_as", "seen_of", "seen_sentence", "share"]


def share(value: float) -> str:
    """E.g. ``99.6 %``."""
    return f"{100 * value:.1f} %"


def seen_of(data: DataSet) -> float | None:
    """The share of the test ground that training tiles show; None where that is not known."""
    value = dig(data.about, "split.test_ground_seen_in_training")
    return float(value) if isinstance(value, int | float) else None


def seen_sentence(data: DataSet) -> str:
    """What every table of test numbers says of its split."""
    how = dig(data.about, "split.how") or data.about.get("protocol") or "unknown"
    seen = seen_of(data)
    if seen is None:
        return (
            f"Split: {how}. It is not known how much of the test ground is seen in training, since "
            "the places of the tiles are not known."
        )
    return f"Split: {how}. {share(seen)} of the test ground is seen in training."


def class_of(data: DataSet) -> str:
    """What is looked for, e.g. ``building``; empty where there are several classes."""
    classes = [str(name) for name in data.about.get("classes") or ()]
    return classes[1] if len(classes) == 2 else ""


def measured_as(data: DataSet, metric: MetricDescription) -> str:
    """What the main metric is, over how many test tiles."""
    tiles = dig(data.about, "split_sizes.sar.test")
    of_class = f" of the class {class_of(data)}" if class_of(data) else ", the mean over classes"
    return f"{metric.head}{of_class}: over all valid pixels of the {tiles or 'test'} test tiles."
