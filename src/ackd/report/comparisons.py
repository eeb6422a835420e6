"""Paired differences: is it the method, or the images and the seeds?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ackd.analysis.statistics import (
    Interval,
    holm,
    over_images,
    over_images_pooled,
    over_seeds,
)
from ackd.report.conditions import SWITCHES, USUAL, Condition, DataSet, say, short
from ackd.report.model import Cell, Row, Table, blank
from ackd.report.pairing import baseline_of, main_variants, plain_of, slices
from ackd.report.predictions import paired_gains, paired_sums
from ackd.tasks import MetricDescription, TaskDescription

__all__ = ["Comparison", "compare", "comparisons", "table_of"]

MOST = 60  # comparisons in a table
APART = (
    "What is said over images, the reading too, is of {images}, since {main} is not the mean of a "
    "score of each image."
)

# Of scores of the images, and of a metric that is pooled over all of them.
GAINS = (
    "each test image's gain, averaged over the seeds that both have",
    "the gain of all test images together, averaged over the seeds that both have, whole images "
    "being drawn",
)
TESTS = ("sign-flip", "exchange")


@dataclass(frozen=True)
class Comparison:
    """A difference in a metric between two conditions, in the units in which it is stored.

    ``over_images`` is of the metric itself where it is one of the images or a pooled one, else of
    the one that is the mean of a score of each image.
    """

    metric: MetricDescription
    ours: Condition
    theirs: Condition
    seeds: tuple[int, ...]
    over_seeds: Interval
    over_images: Interval | None
    why_no_images: str = ""


def compare(ours: Condition, theirs: Condition) -> Comparison | None:
    """Hold two conditions against each other, seed by seed; None without a common seed."""
    task = ours.runs[0].task
    metric, of_images = task.selection, _of_images(task)
    path = f"student.metrics.{metric.name}"
    a, b = ({run.seed: run for run in c.runs} for c in (ours, theirs))
    seeds = sorted(
        seed for seed in a.keys() & b.keys()
        if a[seed].number(path) is not None and b[seed].number(path) is not None
    )  # fmt: skip
    if not seeds:
        return None
    values = [[runs[seed].number(path) or 0.0 for seed in seeds] for runs in (a, b)]
    between_seeds = over_seeds(*values)
    said = [[runs[seed].predictions for seed in seeds] for runs in (a, b)]
    known = [[p for p in side if p is not None] for side in said]
    images, reason = None, ""
    if task.image_metric is None and not metric.pooled:
        reason = f"{metric.head} is not the mean of a score of each image."
    elif any(len(side) < len(seeds) for side in known):
        reason = "no predictions.csv"
    else:
        try:
            if of_images.pooled:
                images = over_images_pooled(*paired_sums(known[0], known[1], of_images.pooled))
            else:
                images = over_images(paired_gains(known[0], known[1], of_images.name))
        except ValueError as error:
            reason = str(error)
    return Comparison(metric, ours, theirs, tuple(seeds), between_seeds, images, reason)


def _of_images(task: TaskDescription) -> MetricDescription:
    """What images are drawn for: the main metric where it can be, else that of their scores."""
    return task.selection if task.selection.pooled else task.compared


def comparisons(data: DataSet) -> list[Table]:
    """One table a question, each with its own correction for several comparisons."""
    questions = (
        ("gain-baseline", "Against the student alone", _against(data, baseline_of)),
        ("gain-plain", "SemBridge against the same loss without it", _against(data, plain_of)),
        ("gain-option", "One option changed", _one_option(data)),
    )
    tables = []
    for name, title, pairs in questions:
        table = table_of(data.task, name, title, list(pairs))
        if table is not None:
            tables.append(table)
    return tables


def _against(
    data: DataSet, partner: Callable[[DataSet, Condition], Condition | None]
) -> Iterator[tuple[str, Condition, Condition]]:
    for condition in main_variants(data):
        other = partner(data, condition)
        if other is not None and condition.method != "baseline":
            yield f"{condition.label} − {other.label}", condition, other


def _one_option(data: DataSet) -> Iterator[tuple[str, Condition, Condition]]:
    main = {id(condition) for condition in main_variants(data)}
    for option in data.varied:
        if option in ("method", "kd"):
            continue
        for part in slices(data, option):
            if option in SWITCHES and id(part.conditions[0]) not in main:
                continue
            values = part.values
            usual = USUAL.get(option)
            reference = part.conditions[values.index(usual) if usual in values else 0]
            for condition in part.conditions:
                if condition is not reference:
                    new, old = (say(c.settings[option]) for c in (condition, reference))
                    change = f"{short(option)}: {new} − {old}"
                    yield f"{change} ({part.rest})", condition, reference


def table_of(
    task: TaskDescription,
    name: str,
    title: str,
    pairs: Sequence[tuple[str, Condition, Condition]],
    more: Sequence[str] = (),
) -> Table | None:
    """Hold pairs of conditions against each other, with one correction for all of them.

    Args:
        task: What their numbers are called.
        name: Of the table.
        title: The question that it answers.
        pairs: What is said of them, ours, theirs.
        more: Further notes.

    Returns:
        None where no pair has a common seed.
    """
    metric, of_images = task.selection, _of_images(task)
    apart = of_images.name != metric.name
    tried = [(label, compare(ours, theirs)) for label, ours, theirs in pairs[:MOST]]
    done = [(label, found) for label, found in tried if found is not None]
    if not done:
        return None
    image_p = [found.over_images.p if found.over_images else None for _, found in done]
    seed_p = [found.over_seeds.p for _, found in done]
    rows = [
        Row(
            (
                Cell(label), Cell(str(len(found.seeds))), _validation_gain(found),
                _points(metric, found.over_seeds.mean),
                *([_image_gain(of_images, found)] if apart else []),
                _interval(of_images, found.over_images), _p(image_p[i]), _p(image_holm),
                _verdict(of_images, found, image_holm), _interval(metric, found.over_seeds),
                _p(seed_p[i]), _p(seed_holm),
            )
        )
        for i, ((label, found), image_holm, seed_holm) in enumerate(
            zip(done, holm(image_p), holm(seed_p), strict=True)
        )
    ]  # fmt: skip
    columns = (
        "Difference", "Seeds", f"Δ validation {metric.head}", f"Δ {metric.head}",
        *([f"Δ {of_images.head}"] if apart else []), "95 % interval over images", "p, images",
        "Holm", "Reading", "95 % interval over seeds", "p, seeds", "Holm, seeds",
    )  # fmt: skip
    images = sorted({found.over_images.n for _, found in done if found.over_images})
    notes = [
        f"{'Points' if metric.percent else 'Differences'} of {metric.head}; of test images unless "
        "validation is named. Options are to be chosen by the validation images; the tests say how "
        "sure a difference on the test images is.",
        f"Over images: {GAINS[bool(of_images.pooled)]} "
        f"({', '.join(map(str, images)) or 'no'} images); BCa bootstrap interval and two-sided "
        f"{TESTS[bool(of_images.pooled)]} permutation test with 9999 resamples. Trained networks "
        "are taken as given.",
        "Over seeds: Student's t for paired seeds. It says nothing (–) of one seed or of equal "
        "differences, and with fewer than five seeds it can hardly find anything.",
        "Reading: better or worse, on these images, where Holm's p over images is below 0.05; "
        "otherwise unclear.",
        *([APART.format(images=of_images.head, main=metric.head)] if apart else []),
        f"Holm: p adjusted for the {len(done)} comparisons of this table. Several tables ask "
        "several questions; a p just below 0.05 in one of many is not a discovery.",
    ]
    reasons = sorted({found.why_no_images for _, found in done if found.why_no_images})
    if reasons:
        notes.append("Without a test over images: " + " ".join(reasons))
    if len(pairs) > MOST:
        notes.append(f"The first {MOST} of {len(pairs)} comparisons.")
    words = frozenset({0, columns.index("Reading")})
    return Table(name, title, columns, tuple(rows), (*notes, *more), words)


def _validation_gain(found: Comparison) -> Cell:
    path = f"student.validation.{found.metric.name}"
    ours, theirs = ({run.seed: run for run in c.runs} for c in (found.ours, found.theirs))
    gains = [
        after - before
        for seed in found.seeds
        if (after := ours[seed].number(path)) is not None
        and (before := theirs[seed].number(path)) is not None
    ]
    if len(gains) < len(found.seeds):
        return blank()
    return _points(found.metric, sum(gains) / len(gains))


def _points(metric: MetricDescription, value: float) -> Cell:
    return Cell(metric.bare(value, sign="+"), metric.factor * value)


def _image_gain(metric: MetricDescription, found: Comparison) -> Cell:
    return blank() if found.over_images is None else _points(metric, found.over_images.mean)


def _interval(metric: MetricDescription, found: Interval | None) -> Cell:
    if found is None or found.low is None or found.high is None:
        return blank()
    low, high = (metric.bare(end, sign="+") for end in (found.low, found.high))
    return Cell(f"{low} to {high}")


def _p(value: float | None) -> Cell:
    if value is None:
        return blank()
    return Cell("< 0.001" if value < 0.001 else f"{value:.3f}", value)


def _verdict(metric: MetricDescription, found: Comparison, adjusted: float | None) -> Cell:
    """In words: could another draw of test images turn the difference round?"""
    if adjusted is None or found.over_images is None:
        return blank()
    if adjusted >= 0.05:
        return Cell("unclear")
    return Cell("better" if metric.better(found.over_images.mean) > 0 else "worse")
