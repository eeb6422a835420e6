"""Which folder a run works in: a new one, or that of an earlier attempt or a shorter run."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ackd.config.schema import RunConfig
from ackd.config.schema.identity import identity
from ackd.errors import ConfigError, DamagedError
from ackd.runs.checkpoints import ended_early, epoch_of, last_checkpoint
from ackd.runs.folder import (
    CHECKPOINTS,
    IDENTITY,
    LOCK,
    PATIENCE,
    REPLACES,
    RESULT,
    Differences,
    RunFolder,
    named_by,
    only_longer,
    refuse_occupied,
    runs_under,
    same_options,
    say_differences,
)
from ackd.runs.lengths import length_notes
from ackd.students.file import STUDENT
from ackd.utils import locks
from ackd.utils.io import read_json, remove_drafts, write_json
from ackd.utils.values import digest

__all__ = ["Place", "check_asked", "choose_place", "claimed", "earlier_attempt"]

log = logging.getLogger("ackd")

# A run that differs in more is not what the user means by going on.
FEW = 4


@dataclass(frozen=True)
class Place:
    """Where a run works.

    Attributes:
        folder: Of the run.
        resume: Whether to go on from the checkpoints in it and from stages in training.
        replaces: Whether it holds the result of a shorter or earlier run, which stays until this
            one has its own.
    """

    folder: Path
    resume: bool = False
    replaces: bool = False

    @classmethod
    def of_unfinished(cls, run: RunFolder) -> Place:
        """To go on with a run."""
        replaces = bool(run.stamp.get(REPLACES))
        return cls(run.path.absolute(), resume=True, replaces=replaces)


def choose_place(config: RunConfig, images: Mapping[str, str], fresh: Path) -> Place:
    """Decide where to work.

    Args:
        config: Its ``ckpt_path`` is None, ``"auto"``, the folder of a run or a checkpoint in it.
        images: Their fingerprints by side; a run is its options and its images.
        fresh: The new run folder, used where there is nothing to go on with. One that was given
            by hand and holds this run unfinished is what ``"auto"`` goes on with.

    Raises:
        ConfigError: ``ckpt_path`` names no run that can be gone on with, or ``fresh`` holds
            another one.
    """
    asked, wanted = config.ckpt_path, _stamp(config, images)
    if asked is not None and asked != "auto":
        return _asked_for(config, named_by(asked), wanted)
    here = RunFolder.at(fresh)
    if here is not None:
        return _here(config, here, wanted)
    found = _found(config, wanted) if asked == "auto" else None
    return found or Place(fresh)


def earlier_attempt(config: RunConfig, images: Mapping[str, str], fresh: Path) -> RunFolder | None:
    """Find the run that somebody means who asks for the same again.

    Args:
        config: What is asked for. One with ``ckpt_path`` or ``force`` says itself what it means.
        images: Their fingerprints by side.
        fresh: The new run folder, which may have been given by hand.

    Returns:
        The latest of these options and images that has all that it should have left behind; else
        the latest that can be gone on with.
    """
    if config.ckpt_path is not None or config.force:
        return None
    wanted = _stamp(config, images)["fingerprint"]
    places = [Path(config.outputs).expanduser(), *([fresh] if fresh.is_dir() else [])]
    found = {run.path.resolve(): run for place in places for run in runs_under(place)}
    same = [run for run in found.values() if run.fingerprint == wanted]
    whole = [run for run in same if _is_whole(run)]
    idle = [run for run in same if not run.finished and run.idle]
    return max(whole or idle, key=_written, default=None)


def _is_whole(run: RunFolder) -> bool:
    if not run.finished:
        return False
    try:
        read_json(run.path / RESULT)
    except DamagedError:
        return False
    return run.until != "student" or (run.path / STUDENT).is_file()


@contextmanager
def claimed(place: Place, config: RunConfig, images: Mapping[str, str]) -> Iterator[None]:
    """Mark a folder as that of this run, and hold it as long as the run goes on.

    Raises:
        ConfigError: Another process is running in it.
    """
    folder = place.folder
    refusal = ConfigError(
        f"Another process is running in {folder}; wait for it, or leave ckpt_path out to start "
        "a run of its own."
    )
    stamp = _stamp(config, images)
    with locks.held(folder / LOCK, refusal):
        remove_drafts(folder)  # of an attempt that was killed
        if not place.resume:
            shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)  # of a run that is repeated
        write_json(folder / IDENTITY, stamp | ({REPLACES: True} if place.replaces else {}))
        yield
        if place.replaces:
            # The result is that of this run now. Others have noted there what it uses.
            known = read_json(folder / IDENTITY)
            write_json(folder / IDENTITY, {k: v for k, v in known.items() if k != REPLACES})


def _stamp(config: RunConfig, images: Mapping[str, str]) -> dict[str, Any]:
    """What a run is: its options and its images."""
    content = {
        "options": identity(config),
        "images": dict(images),
    }
    return {"fingerprint": digest(content), **content}


# -- ckpt_path=RUN -----------------------------------------------------------------------------


def check_asked(config: RunConfig, chosen: Collection[str]) -> None:
    """Find out before images are read whether ``ckpt_path`` names a run that can be gone on with.

    Args:
        config: Its ``ckpt_path`` is the folder of a run or a checkpoint in it.
        chosen: The options given on the command line: a batch size that is not among them may
            still follow the number of images.

    Raises:
        ConfigError: The run has other options, or has finished.
    """
    run = named_by(str(config.ckpt_path))
    options = identity(config)
    for stage in config.trained():
        if (
            f"{stage}.batch_size" not in chosen
            and stage in run.stamp["options"]
            and stage in options
        ):
            options[stage]["batch_size"] = run.stamp["options"][stage].get("batch_size")
    differing = run.differences({"options": options, "images": run.stamp.get("images")})
    if differing and only_longer(differing):
        _epochs_done(config, run)
    else:
        _refuse_others(config, run, differing)


def _asked_for(config: RunConfig, run: RunFolder, wanted: Mapping[str, Any]) -> Place:
    differing = run.differences(wanted)
    if differing and only_longer(differing):
        return _extension(config, run)
    _refuse_others(config, run, differing)
    return Place(run.path, resume=True, replaces=bool(run.stamp.get(REPLACES)))


def _refuse_others(config: RunConfig, run: RunFolder, differing: Differences) -> None:
    asked = config.ckpt_path
    if differing:
        same = same_options(differing)
        raise ConfigError(
            f"ckpt_path={asked} belongs to a run with other options: "
            f"{say_differences(differing)}. Give the same options to go on"
            f"{f': {same}' if same else ''} (student.max_epochs may be longer), or leave ckpt_path "
            "out to start again."
        )
    if run.finished:
        raise ConfigError(
            f"ckpt_path={asked} belongs to a run that has finished ({run.path / RESULT}). "
            f"{run.longer}; to start again leave ckpt_path out."
        )


def _epochs_done(config: RunConfig, run: RunFolder) -> int:
    """How many epochs a run that is to be trained longer has been trained.

    Raises:
        ConfigError: It cannot be trained longer, or has been trained for as many epochs.
    """
    new = config.student.max_epochs
    checkpoint = last_checkpoint(run.path)
    done = epoch_of(checkpoint) + 1
    if run.finished and checkpoint is None:
        raise ConfigError(
            f"{run.path} has finished, but has no checkpoint that it can be trained longer from "
            f"({CHECKPOINTS}/last.ckpt); leave ckpt_path out to start again."
        )
    if new < done or (run.finished and new == done):
        raise ConfigError(
            f"{run.path} has trained its student for {done} epochs; student.max_epochs={new} is "
            "not more. Give more, or leave ckpt_path out to start again."
        )
    _require_a_longer_patience(config, run.path, checkpoint)
    return done


def _extension(config: RunConfig, run: RunFolder) -> Place:
    """Go on with a run under another length."""
    new, old, done = config.student.max_epochs, run.length, _epochs_done(config, run)
    log.info(
        "training %s for %d epochs in place of %d, from epoch %d on%s",
        run.path, new, old, done + 1,
        "; its result stays until the new one is there" if run.finished else "",
    )  # fmt: skip
    for note in length_notes(config, run.stamp["options"], done):
        log.warning("not what a run of %d epochs from the start would give: %s", new, note)
    return Place(run.path, resume=True, replaces=run.finished or bool(run.stamp.get(REPLACES)))


def _require_a_longer_patience(config: RunConfig, path: Path, checkpoint: Path | None) -> None:
    """Refuse to train a student longer that would end at once, as it has ended before."""
    waited, asked = ended_early(checkpoint)
    patience, done = config.student.early_stopping.patience, epoch_of(checkpoint) + 1
    if patience is not None and waited >= patience:
        raise ConfigError(
            f"{path} has stopped early, after {done} epochs, {waited} of them without an "
            f"improvement: more epochs would not be trained. Give {PATIENCE}=N with N > {waited}, "
            "or null, to train it longer."
        )
    if asked:
        raise ConfigError(
            f"{path} has stopped early, after {done} epochs, because a callback of yours has asked "
            "for it: more epochs would not be trained. Leave ckpt_path out to start again without "
            "it."
        )


# -- ckpt_path=auto ----------------------------------------------------------------------------


def _found(config: RunConfig, wanted: Mapping[str, Any]) -> Place | None:
    """The last unfinished run of these options; where there is none, say why."""
    runs = runs_under(Path(config.outputs).expanduser())
    same = [run for run in runs if run.fingerprint == wanted["fingerprint"]]
    unfinished = [run for run in same if not run.finished]
    idle = [run for run in unfinished if run.idle]
    if idle:
        run = max(idle, key=_written)
        log.info("ckpt_path=auto: going on with %s", run.path)
        return Place.of_unfinished(run)
    log.warning(
        "ckpt_path=auto: no unfinished run under %s has these options and images; starting from "
        "the beginning. %s", config.outputs, _why_none(runs, same, unfinished, wanted),
    )  # fmt: skip
    return None


def _why_none(
    runs: list[RunFolder],
    same: list[RunFolder],
    unfinished: list[RunFolder],
    wanted: Mapping[str, Any],
) -> str:
    if unfinished:
        return f"{unfinished[0].path} has them, but another process is running in it."
    if same:
        run = max(same, key=_written)
        return f"{run.path} has finished with them. {run.longer}."
    near = [(run, run.differences(wanted)) for run in runs]
    near = [(run, differing) for run, differing in near if len(differing) <= FEW]
    if not near:
        return f"No other run there differs in only a few options ({len(runs)} looked at)."
    # An unfinished one is rather what is meant, and a late one.
    run, differing = min(near, key=lambda r: (r[0].finished, len(r[1]), -_written(r[0])))
    state = "has finished" if run.finished else "is unfinished"
    text = (
        f"The nearest one, {run.path}, {state} and has other options: {say_differences(differing)}."
    )
    if only_longer(differing):
        text += f" ckpt_path={run.path} goes on with it for the new length."
    return text


# -- a folder that was given by hand -----------------------------------------------------------


def _here(config: RunConfig, here: RunFolder, wanted: Mapping[str, Any]) -> Place:
    same = here.fingerprint == wanted["fingerprint"]
    if config.force and same and (here.finished or config.ckpt_path is None):
        log.info("force=[%s]: running again in %s", ",".join(config.force), here.path)
        return Place(here.path, replaces=(here.path / RESULT).is_file())
    if config.ckpt_path == "auto" and same and not here.finished:
        log.info("ckpt_path=auto: going on in %s", here.path)
        return Place(here.path, resume=True, replaces=bool(here.stamp.get(REPLACES)))
    refuse_occupied(here.path, here.differences(wanted))
    raise AssertionError("a folder without a run is not occupied")


def _written(run: RunFolder) -> float:
    return (run.path / IDENTITY).stat().st_mtime
