"""What a stage is: one step of a run, which uses what earlier ones have made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from ackd.artifacts.cache import obtain
from ackd.artifacts.usage import Usage
from ackd.utils.io import read_json

if TYPE_CHECKING:
    from ackd.backbones import Outputs
    from ackd.config.schema import RunConfig
    from ackd.stages.trial import Role

__all__ = ["Context", "Done", "KeptStage", "Stage", "StageResult", "Workplace"]

P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)


class Context(ABC):
    """What every stage of a run may rely on; a program has its own kind, with its own images.

    ``open_context(config, chosen)`` in the file ``context`` of its package of stages makes it.
    """

    config: RunConfig
    """Of the run, with batches that the images fill."""

    @property
    def artifacts(self) -> Path:
        """Where finished stages are kept."""
        return Path(self.config.artifacts).expanduser()

    @property
    @abstractmethod
    def fingerprints(self) -> Mapping[str, str]:
        """Of the images, by side; a run is its options and its images."""

    @property
    @abstractmethod
    def notes(self) -> Mapping[str, Any]:
        """What is special about the images, e.g. ``partial``; fit for JSON."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What result.json says of the images and the kind of run: ``kd``, ``data``, ``protocol``.

        ``data`` has ``name``, ``classes``, ``split_sizes`` and the notes.
        """

    @abstractmethod
    def introduce(self) -> None:
        """Say in the log what the run learns from, and whatever makes its numbers special."""

    def packs(self) -> set[Path]:
        """The packs that the images are read from, where ackd keeps them; not those of a user."""
        return set()


@dataclass(frozen=True)
class StageResult(Generic[P_co]):
    """What a stage leaves behind; the same of every stage.

    Attributes:
        product: What later stages use.
        seconds: By the names that its ``PlannedStage`` gives; a reused stage counts what it took
            when it was trained.
        report: What was measured, for result.json: ``metrics`` on the test images, their
            ``interval``, ``validation``, ``best_epoch`` counted from 0, and what else it has.
        artifact: Its folder among the artifacts; None for a stage that is not kept.
        fingerprint: Of what shaped it; empty for a stage that is not kept.
        reused: Whether it was found instead of trained.
    """

    product: P_co
    seconds: Mapping[str, float]
    report: Mapping[str, Any] = field(default_factory=dict)
    artifact: Path | None = None
    fingerprint: str = ""
    reused: bool = False


class Done:
    """The results of earlier stages, asked for by the stage."""

    def __init__(self, results: Mapping[str, StageResult[Any]] | None = None) -> None:
        self.results = dict(results or {})

    def add(self, name: str, result: StageResult[Any]) -> None:
        """Note the result of a stage."""
        self.results[name] = result

    def only(self, names: Collection[str]) -> Done:
        """The results of some stages, as far as the run has them."""
        return Done({name: result for name, result in self.results.items() if name in names})

    def result(self, stage: type[Stage[P]]) -> StageResult[P] | None:
        """The result of a stage; None where the run does not have that stage."""
        return self.results.get(stage.name)

    def product(self, stage: type[Stage[P]]) -> P | None:
        """The product of a stage; None where the run does not have that stage."""
        found = self.result(stage)
        return None if found is None else found.product


@dataclass(frozen=True)
class Workplace:
    """Where the stages of a run work.

    Attributes:
        folder: Of the run.
        artifacts: Where finished stages are kept.
        resume: Whether to go on from the checkpoints in the folder and in unfinished stages.
        force: Names of stages to train although finished ones are there.
        usage: Holds the artifacts that the run uses.
    """

    folder: Path
    artifacts: Path
    resume: bool
    force: Collection[str]
    usage: Usage


class Stage(ABC, Generic[P]):
    """One step of a run.

    A class in the file ``NAME.py`` of the program's package of stages for each name in its plan,
    see ``ackd.config.schema.RunConfig``. A context is of the program's own kind, see
    :class:`Context`.
    """

    name: ClassVar[str]
    """As in the plan."""

    requires: ClassVar[tuple[str, ...]] = ()
    """Stages whose products it uses where the run has them; all of them come earlier."""

    @classmethod
    def check(cls, context: Any) -> None:
        """See that its options fit the images, before anything is trained.

        Raises:
            ConfigError: They do not.
        """

    @classmethod
    def networks(cls, context: Any) -> Sequence[Role]:
        """The networks that it trains, to be tried on black images before anything is trained."""
        return ()

    @classmethod
    def try_losses(cls, context: Any, outputs: Mapping[str, Outputs]) -> None:
        """Try its losses before anything is trained.

        Args:
            context: Of the run.
            outputs: Of the networks of all stages for a small batch, by their options, e.g.
                ``"student.backbone"``.

        Raises:
            ConfigError: A loss cannot be computed for them.
        """

    @classmethod
    @abstractmethod
    def of(cls, context: Any, done: Done) -> Self:
        """Take from a run what the stage needs, and nothing else.

        Args:
            context: Of the run.
            done: The results of the stages that it ``requires``.
        """

    @abstractmethod
    def run(self, work: Workplace) -> StageResult[P]:
        """Do the work, or find it done."""


class KeptStage(Stage[P]):
    """A stage that is trained once, stored among the artifacts and used by many runs."""

    format_version: ClassVar[int] = 1
    """Raised by one whenever the code changes what a finished stage holds or means."""

    @abstractmethod
    def shaped_by(self) -> dict[str, Any]:
        """Everything that decides what comes out, as plain values: no paths, workers, devices."""

    @abstractmethod
    def train(self, folder: Path, *, resume: bool) -> None:
        """Train and leave the product in ``folder``, going on from what is there if ``resume``.

        ``metrics.json`` has at least the ``seconds`` that it took.
        """

    @abstractmethod
    def load(self, folder: Path) -> P:
        """Read the finished product.

        Raises:
            DamagedError: A file is cut off or damaged.
        """

    def report(self, folder: Path) -> dict[str, Any]:
        """Read what was measured when it was trained.

        Raises:
            DamagedError: The file is cut off or damaged.
        """
        return read_json(folder / "metrics.json")

    def run(self, work: Workplace) -> StageResult[P]:
        """Find it among the artifacts, or train it and leave it there."""
        artifact = obtain(
            self, work.artifacts, force=self.name in work.force, resume=work.resume,
            usage=work.usage,
        )  # fmt: skip
        report = dict(artifact.report)
        seconds = {self.name: float(report.pop("seconds"))}
        return StageResult(
            artifact.product, seconds, report, artifact.folder, artifact.fingerprint,
            artifact.reused,
        )  # fmt: skip
