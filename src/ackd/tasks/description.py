"""What a reader of results has to know of a task: its metrics, and which one chooses the epoch.

It travels with the numbers in ``result.json``, so that tables, reports and sweeps name metrics that
they have never heard of, also those of a task that is not part of ackd.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

__all__ = ["MetricDescription", "TaskDescription", "mode_of"]


@dataclass(frozen=True)
class MetricDescription:
    """How a metric is named and read.

    Attributes:
        name: Its key in ``result.json``, and behind ``val/`` and ``test/`` in logs.
        title: In sentences and logs, e.g. ``"macro F1"``.
        head: In the heads of tables, e.g. ``"F1"``; the title where it is empty.
        percent: Whether it is a share of one that is shown in percent.
        higher_is_better: Whether more of it is better.
        pooled: Where it is a share of all test images together, the columns of ``predictions.csv``
            that it is made of: the sum of the first one over the sum of all of them, e.g.
            ``("tp", "fp", "fn")``.
    """

    name: str
    title: str
    head: str = ""
    percent: bool = True
    higher_is_better: bool = True
    pooled: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", self.head or self.title)
        object.__setattr__(self, "pooled", tuple(self.pooled))

    @classmethod
    def of(cls, metric: MetricDescription) -> MetricDescription:
        """The description alone of a metric that knows more."""
        return MetricDescription(**{each.name: getattr(metric, each.name) for each in fields(cls)})

    def to_json(self) -> dict[str, Any]:
        """What a file gives back unchanged: JSON knows lists, and no tuples."""
        return {**asdict(self), "pooled": list(self.pooled)}

    @property
    def factor(self) -> float:
        """From the stored value to the shown one."""
        return 100.0 if self.percent else 1.0

    @property
    def digits(self) -> int:
        """How many are shown after the point."""
        return 1 if self.percent else 3

    @property
    def unit(self) -> str:
        """What follows a head or a value: ``" %"``, or nothing."""
        return " %" if self.percent else ""

    def bare(self, value: float, *, more: int = 0, sign: str = "") -> str:
        """Write a value without its unit, e.g. ``93.7``.

        Args:
            value: As stored.
            more: Digits beyond the usual ones.
            sign: ``"+"`` for a difference, whose sign is always shown.
        """
        return f"{self.factor * value:{sign}.{self.digits + more}f}"

    def shown(self, value: float, interval: Iterable[float] | None = None) -> str:
        """Write title, value and interval, e.g. ``OA 93.7 % [91.0, 95.6]``."""
        text = f"{self.title} {self.bare(value)}{self.unit}"
        if interval:
            low, high = interval
            text += f" [{self.bare(low)}, {self.bare(high)}]"
        return text

    def better(self, value: float) -> float:
        """A number that is larger the better the value is, to rank by."""
        return value if self.higher_is_better else -value


@dataclass(frozen=True)
class TaskDescription:
    """The metrics of a task in the order in which they are shown.

    Attributes:
        name: Of the task, e.g. ``"scene"``.
        title: In sentences, e.g. ``"scene classification"``.
        metrics: The first is what sensitivities and comparisons are about.
        selected_by: The metric of the validation images that chooses the epoch.
        image_metric: The metric that is the mean of a score of each test image, if there is one;
            ``predictions.csv`` has these scores, see :meth:`ackd.tasks.Task.write_predictions`.
        class_metrics: Metrics of each class.
        brief: Names of the metrics that a narrow table shows; all of them where there are none.
        trivial: The metric that says what a network reaches that has learned nothing, e.g. by
            saying one class everywhere; it depends on the labels alone.
    """

    name: str
    title: str
    metrics: tuple[MetricDescription, ...]
    selected_by: str
    image_metric: str | None = None
    class_metrics: tuple[MetricDescription, ...] = ()
    brief: tuple[str, ...] = ()
    trivial: str | None = None
    _by_name: Mapping[str, MetricDescription] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {metric.name: metric for metric in self.metrics})
        if len(self._by_name) != len(self.metrics):
            raise ValueError(f"The task {self.name} has two metrics of the same name.")
        roles = [(role, getattr(self, role)) for role in ("selected_by", "image_metric", "trivial")]
        for role, chosen in (*roles, *(("brief", name) for name in self.brief)):
            if chosen is not None and chosen not in self._by_name:
                raise ValueError(
                    f"{role} of the task {self.name} is '{chosen}'; its metrics are "
                    f"{', '.join(self._by_name)}."
                )

    def __getitem__(self, name: str) -> MetricDescription:
        """A metric by its name."""
        return self._by_name[name]

    @property
    def selection(self) -> MetricDescription:
        """The metric that chooses the epoch."""
        return self[self.selected_by]

    @property
    def in_brief(self) -> tuple[MetricDescription, ...]:
        """What a narrow table shows."""
        return tuple(self[name] for name in self.brief) or self.metrics

    @property
    def compared(self) -> MetricDescription:
        """What has a score of each image, to compare networks by; else what chooses the epoch."""
        return self[self.image_metric or self.selected_by]

    @property
    def monitor(self) -> str:
        """The logged value that chooses the epoch, e.g. ``"val/oa"``."""
        return f"val/{self.selected_by}"

    @property
    def mode(self) -> Literal["max", "min"]:
        """In which direction it does."""
        return "max" if self.selection.higher_is_better else "min"

    def score(self, values: Mapping[str, Any] | None) -> float | None:
        """What a network is chosen by among others; None where nothing was measured.

        Args:
            values: Of the validation images, by the metrics' names.
        """
        names = (self.selected_by, *(metric.name for metric in self.metrics))
        known = ((values or {}).get(name) for name in names)
        return next((float(value) for value in known if value is not None), None)

    def texts(
        self, values: Mapping[str, Any] | None, intervals: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Write every value that there is, see :meth:`MetricDescription.shown`."""
        return [
            metric.shown(value, (intervals or {}).get(metric.name))
            for metric in self.metrics
            if (value := (values or {}).get(metric.name)) is not None
        ]

    def joined(self, others: Iterable[TaskDescription]) -> TaskDescription:
        """Add the metrics that others have of the same task, e.g. those of a later version."""
        known, by_class = ({m.name: m for m in ms} for ms in (self.metrics, self.class_metrics))
        for other in others:
            known = {m.name: m for m in other.metrics} | known
            by_class = {m.name: m for m in other.class_metrics} | by_class
        first = [*self._by_name, *(name for name in known if name not in self._by_name)]
        return replace(
            self, metrics=tuple(known[name] for name in first),
            class_metrics=tuple(by_class.values()),
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """The entry of ``result.json``; :meth:`from_json` reads it."""
        return {
            "name": self.name,
            "title": self.title,
            "metrics": [metric.to_json() for metric in self.metrics],
            "selected_by": self.selected_by,
            "image_metric": self.image_metric,
            "class_metrics": [metric.to_json() for metric in self.class_metrics],
            "brief": list(self.brief),
            "trivial": self.trivial,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> TaskDescription:
        """Read what :meth:`to_json` wrote; what a later version has added is left out.

        Raises:
            ValueError: Something is missing.
        """
        try:
            metrics, class_metrics = (
                tuple(_metric(one) for one in each)
                for each in (content["metrics"], content.get("class_metrics", ()))
            )
            return cls(
                str(content["name"]), str(content["title"]), metrics, content["selected_by"],
                content.get("image_metric"), class_metrics, tuple(content.get("brief", ())),
                content.get("trivial"),
            )  # fmt: skip
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"is not the description of a task: {error}") from error


def _metric(content: Mapping[str, Any]) -> MetricDescription:
    known = [each.name for each in fields(MetricDescription)]
    return MetricDescription(**{key: content[key] for key in known if key in content})


def mode_of(column: str, task: TaskDescription | None = None) -> Literal["max", "min"]:
    """In which direction a logged value is better: a metric, a loss, or something else.

    Args:
        column: E.g. ``"val/loss"``.
        task: Of the network that logs it; None for one without labels.
    """
    for metric in task.metrics if task else ():
        if metric.name == column.rpartition("/")[2]:
            return "max" if metric.higher_is_better else "min"
    return "min" if "loss" in column else "max"
