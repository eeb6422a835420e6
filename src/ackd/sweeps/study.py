"""A study of Optuna: what was tried, what came out, and what to try next."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from ackd.errors import ConfigError
from ackd.sweeps.space import Range, SearchOptions

__all__ = ["Best", "Study", "Watched", "optuna_module", "read_metric"]

# Attributes of a trial: the name of its run folder, and that its numbers were not finite.
FOLDER = "folder"
DIVERGED = "diverged"


@dataclass
class Watched:
    """A run that goes on, and the values that Optuna knows of it."""

    trial: Any
    values: dict[int, float] = field(default_factory=dict)
    pruned: bool = False


@dataclass(frozen=True)
class Best:
    """The best trial so far.

    Attributes:
        value: Of the metric.
        params: Its overrides.
        folder: Name of its run folder; None where an earlier version of ackd has tried it.
    """

    value: float
    params: dict[str, Any]
    folder: str | None


class Study:
    """Asks Optuna and tells it, in a journal that outlives the process."""

    def __init__(self, options: SearchOptions, path: Path) -> None:
        """Open or go on with a study.

        Runs that were going on when an earlier process died are given up, and their values are the
        first to be tried again, so that they go on from their checkpoints.

        Args:
            options: Of the search.
            path: The journal.

        Raises:
            ConfigError: Optuna is missing, or the journal is that of another search.
        """
        optuna = optuna_module()
        options = options.settled()
        self.options, self._optuna = options, optuna
        path.parent.mkdir(parents=True, exist_ok=True)
        pruner = optuna.pruners.MedianPruner(
            n_startup_trials=options.startup, n_warmup_steps=options.warmup_epochs
        )
        backend = optuna.storages.journal.JournalFileBackend(str(path))
        self.study = optuna.create_study(
            storage=optuna.storages.JournalStorage(backend),
            study_name="ackd", load_if_exists=True, direction=options.direction,
            pruner=pruner if options.prune else optuna.pruners.NopPruner(),
            sampler=optuna.samplers.TPESampler(
                # A study that goes on would draw its first values again.
                seed=options.seed + len(_trials(path, optuna)), n_startup_trials=options.startup,
                constant_liar=True,
            ),
        )  # fmt: skip
        if self.study.direction.name.lower() != options.direction:
            raise ConfigError(
                f"search.direction={options.direction}, but {path} is a study that is to "
                f"{self.study.direction.name.lower()}; give search.study=FILE for a new one."
            )
        running = optuna.trial.TrialState.RUNNING
        for trial in self.study.get_trials(states=(running,)):
            self.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            self.study.enqueue_trial(trial.params)

    @property
    def counted(self) -> int:
        """Trials that have come to an end of their own."""
        states = self._optuna.trial.TrialState
        return len(self.study.get_trials(states=(states.COMPLETE, states.PRUNED)))

    def ask(self) -> tuple[Watched, list[str]]:
        """Get a new trial and its overrides."""
        trial = self.study.ask()
        words = []
        for name, choice in self.options.space.items():
            words.append(f"{name}={_text(_suggest(trial, name, choice))}")
        return Watched(trial), words

    def remember(self, watched: Watched, folder: str) -> None:
        """Keep the name of a trial's run folder."""
        watched.trial.set_user_attr(FOLDER, folder)

    def report(self, watched: Watched, metrics: Path) -> bool:
        """Tell how a run goes; returns whether it is to be ended."""
        for epoch, value in read_metric(metrics, self.options.metric).items():
            if epoch not in watched.values:
                watched.values[epoch] = value
                watched.trial.report(value, epoch)
        watched.pruned = bool(watched.values) and watched.trial.should_prune()
        return watched.pruned

    def tell(self, watched: Watched, *, failed: bool, diverged: bool = False) -> float | None:
        """Tell how a run ended; returns its best value, None of a failed one.

        Args:
            watched: The run.
            failed: It left no result, for whatever reason; it is no trial.
            diverged: Its numbers were not finite. That is an answer: Optuna ranks such a trial
                behind all that have finished, whatever the run had reached before.
        """
        states = self._optuna.trial.TrialState
        if diverged:
            watched.trial.set_user_attr(DIVERGED, value=True)
            self.study.tell(watched.trial, state=states.PRUNED)
            return None
        if watched.pruned:
            self.study.tell(watched.trial, state=states.PRUNED)
            return max(watched.values.values(), key=self._better)
        if failed or not watched.values:
            self.study.tell(watched.trial, state=states.FAIL)
            return None
        best = max(watched.values.values(), key=self._better)
        self.study.tell(watched.trial, best)
        return best

    @property
    def diverged(self) -> int:
        """Trials whose numbers were not finite."""
        return sum(DIVERGED in trial.user_attrs for trial in self.study.get_trials(deepcopy=False))

    def best(self) -> Best | None:
        """The best trial so far, None where no run has finished."""
        complete = self._optuna.trial.TrialState.COMPLETE
        found = self.study.get_trials(states=(complete,))
        if not found:
            return None
        best = max(found, key=lambda trial: self._better(trial.value))
        return Best(float(best.value), dict(best.params), best.user_attrs.get(FOLDER))

    def _better(self, value: float) -> float:
        return value if self.options.direction == "maximize" else -value


def read_metric(path: Path, name: str) -> dict[int, float]:
    """Read a column of ``metrics.csv`` by epoch; a file that is being written gives what is whole.

    An epoch whose validation loss is not finite has no value: NaN has a class, and thereby an OA.

    Args:
        path: The file; none yet is an empty answer.
        name: Of the column.

    Raises:
        ConfigError: The file has rows of validation, but no such column.
    """
    found: dict[int, float] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns = [column for column in reader.fieldnames or [] if column]
            for row in reader:
                try:
                    value = float(row.get(name) or "nan")
                    if math.isfinite(value) and math.isfinite(float(row.get("val/loss") or 0)):
                        found[int(float(row["epoch"]))] = value
                except (KeyError, TypeError, ValueError):
                    continue
    except FileNotFoundError:
        return {}
    measured = [column for column in columns if column.startswith("val/")]
    if measured and name not in columns and not found:
        raise ConfigError(
            f"search.metric={name} is no column of {path}; there are {', '.join(measured)}."
        )
    return found


def optuna_module() -> ModuleType:
    """Import Optuna.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ConfigError("ackd.search needs Optuna: pip install 'ackd[search]'.") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    module: ModuleType = optuna
    return module


def _trials(path: Path, optuna: ModuleType) -> list[Any]:
    if not path.is_file():
        return []
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    try:
        study = optuna.load_study(
            study_name="ackd", storage=optuna.storages.JournalStorage(backend)
        )
    except KeyError:
        return []
    return list(study.get_trials(deepcopy=False))


def _suggest(trial: Any, name: str, choice: list[str | bool | int | float] | Range) -> Any:
    if isinstance(choice, list):
        return trial.suggest_categorical(name, choice)
    if isinstance(choice.low, int) and isinstance(choice.high, int):
        return trial.suggest_int(
            name, choice.low, choice.high, step=int(choice.step or 1), log=choice.log
        )
    return trial.suggest_float(name, choice.low, choice.high, step=choice.step, log=choice.log)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
