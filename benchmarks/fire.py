"""``python -m benchmarks.fire``: runs that are killed at random moments end as if they were not.

A short SemBridge run on the embedded data is made once without interruption. Then every trial makes
it again in a folder and with artifacts of its own, is killed (SIGKILL) one to three times, goes on
with ckpt_path=auto each time, and what it leaves is compared bit for bit. A kill hits a random
moment of a random stage, or a random operation on files: half a file written, before it is brought
to the disk, before it is renamed. The seed of the trials is ``--seed``.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ackd import train
from ackd.runs.folder import LOCK
from ackd.stages import pairing
from ackd.stages.matcher import MatcherStage
from ackd.stages.store import StoreStage
from ackd.stages.student import StudentStage
from ackd.stages.teacher import TeacherStage
from ackd.utils.io import DRAFT_SUFFIX, load_tensors, read_json, write_json
from benchmarks.same_students import same_bits

__all__ = ["Kill", "Trial", "differences", "main", "make_whole", "try_once"]

SHORT = (
    "name=fire", "data.classes=3", "data.ms_per_class=15", "data.rgb_per_class=20", "data.size=32",
    "data.ms_test_per_class=0", "data.rgb_test_per_class=0", "data.augment=true",
    "teacher.batch_size=8", "matcher.batch_size=8", "student.batch_size=8",
    "teacher.max_epochs=3", "matcher.max_epochs=3", "student.max_epochs=5", "ska.patches=pooled",
    "dynm.e0=1", "dynm.delta=1", "dynm.mu=0", "dynm.count=3", "dynm.reference_epochs=5",
    "trainer.accelerator=cpu", "+trainer.enable_progress_bar=false",
)  # fmt: skip
"""A run of seconds with every stage, three re-matches and several batches in an epoch."""

STAGES: dict[str, tuple[Any, str]] = {
    "teacher": (TeacherStage, "train"),
    "matcher": (MatcherStage, "train"),
    "store": (StoreStage, "train"),
    "galleries": (pairing, "make_pairing"),
    "student": (StudentStage, "run"),
}
FILES = "files"
MOST_KILLS = 3
# The processes start with everything imported; nothing of torch has run before they are forked.
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Kill:
    """When a process is killed.

    Attributes:
        place: A stage, or ``"files"``.
        moment: Which part of the stage, or of all operations on files, comes before; 0 to 1.
    """

    place: str
    moment: float

    def __str__(self) -> str:
        return f"{self.place} {100 * self.moment:.0f} %"


@dataclass
class Trial:
    """One run under fire.

    Attributes:
        kills: As they were drawn.
        hit: How many of them came before the end of what they were meant for.
        seconds: All attempts together.
        differing: What is not as in the run that was left alone; none where all is well.
    """

    kills: list[Kill]
    hit: int = 0
    seconds: float = 0.0
    differing: list[str] = field(default_factory=list)


class Fuse:
    """Sees stages begin and files being written, notes how long it takes, and kills in between."""

    def __init__(self, kill: Kill | None, known: dict[str, Any]) -> None:
        """Arm it.

        Args:
            kill: When; None only takes notes.
            known: The notes of the run that was left alone.
        """
        self.kill, self.known = kill, known
        self.seconds: dict[str, float] = {}
        self.operations = 0

    def install(self) -> None:
        """Put it into this process, which should be a child of its own."""
        for name, (owner, attribute) in STAGES.items():
            setattr(owner, attribute, self._watched(name, getattr(owner, attribute)))
        write = Path.write_bytes

        def writing(path: Path, content: Any) -> int:
            if self._operation():
                write(path, bytes(content)[: len(content) // 2])
                die()
            return write(path, content)

        Path.write_bytes = writing  # type: ignore[method-assign]
        for owner, attribute in ((Path, "replace"), (os, "fsync"), (os, "link")):
            setattr(owner, attribute, self._counted(getattr(owner, attribute)))

    def _watched(self, name: str, stage: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            if self.kill is not None and self.kill.place == name:
                delay = self.kill.moment * self.known["seconds"][name]
                bomb = threading.Timer(delay, die)
                bomb.daemon = True
                bomb.start()
            found = stage(*args, **options)
            self.seconds[name] = time.perf_counter() - began
            return found

        return watched

    def _counted(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            if self._operation():
                die()
            return work(*args)

        return counted

    def _operation(self) -> bool:
        """Count an operation on files; whether it is the one to die in."""
        self.operations += 1
        if self.kill is None or self.kill.place != FILES:
            return False
        return self.operations == 1 + int(self.kill.moment * self.known["operations"])


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def make_whole(folder: Path) -> dict[str, Any]:
    """Make the run that is left alone, or find it; returns what is known of its course."""
    notes = folder / "notes.json"
    if not notes.is_file():
        code = _attempt(folder, None, {}, notes)
        if code:
            raise SystemExit(
                f"the run without interruption ended with {code}: {folder / 'log.txt'}"
            )
    return read_json(notes)


def try_once(whole: Path, folder: Path, known: dict[str, Any], seed: int) -> Trial:
    """Make the run again under fire, and compare.

    Args:
        whole: Of the run that was left alone.
        folder: For this trial; it does not exist.
        known: What :func:`make_whole` returned.
        seed: Of the kills.
    """
    drawn = random.Random(seed)
    places = [*STAGES, FILES, FILES]
    kills = [
        Kill(drawn.choice(places), drawn.random()) for _ in range(drawn.randint(1, MOST_KILLS))
    ]
    kills.sort(key=_order)  # a stage that has finished is not begun again
    trial, began, code = Trial(kills), time.perf_counter(), 1
    for kill in [*kills, None]:
        code = _attempt(folder, kill, known)
        if code != -signal.SIGKILL:
            break  # what it was meant for did not come any more
        trial.hit += 1
    trial.seconds = time.perf_counter() - began
    if code:
        trial.differing = [f"the last attempt ended with {code}: {folder / 'log.txt'}"]
    else:
        trial.differing = differences(whole, folder)
    return trial


def _order(kill: Kill) -> float:
    """How far a run is when a kill is due."""
    stages = list(STAGES)
    within = stages.index(kill.place) if kill.place in stages else len(stages) * kill.moment
    return within + (kill.moment if kill.place in stages else 0)


def differences(whole: Path, ours: Path) -> list[str]:
    """What two finished runs do not have in common, apart from times and places."""
    (one,), (other,) = (sorted(f.rglob("outputs/**/result.json")) for f in (whole, ours))
    found = []
    for name in ("student.pt", "checkpoints/last.ckpt", "checkpoints/best.ckpt"):
        a, b = (load_tensors(path.parent / name)["state_dict"] for path in (one, other))
        if a.keys() != b.keys() or not all(same_bits(a[key], b[key]) for key in a):
            found.append(f"{name} has other weights")
    for kind in ("teacher", "matcher"):
        a, b = (load_tensors(next(f.glob(f"artifacts/{kind}/*/weights.pt"))) for f in (whole, ours))
        if a.keys() != b.keys() or not all(same_bits(a[key], b[key]) for key in a):
            found.append(f"the {kind} has other weights")
    if (one.parent / "predictions.csv").read_bytes() != (
        other.parent / "predictions.csv"
    ).read_bytes():
        found.append("predictions.csv differs")
    if _rows(one.parent / "metrics.csv") != _rows(other.parent / "metrics.csv"):
        found.append("metrics.csv differs")
    a, b = (read_json(path)["student"] for path in (one, other))
    found += [f"student.{name} of result.json differs" for name in a if a[name] != b.get(name)]
    # A folder that a run did not get to claim stays as it is, and nothing goes on in it.
    left = [
        path
        for place in (other.parent, ours / "artifacts") for path in place.rglob(".*")
        if path.suffix == DRAFT_SUFFIX or path.name == LOCK
    ]  # fmt: skip
    return found + [f"{path} was left behind" for path in left]


def main(arguments: Sequence[str] | None = None) -> None:
    """Put runs under fire and print what came out; exit code 1 where one is not the same."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fire", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of the first trial; each has the next")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument(
        "--folder", type=Path, help="keep everything here; the run left alone is made only once"
    )
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)  # threads do not live on in a process that is forked
    with tempfile.TemporaryDirectory() as scratch:
        place = (given.folder or Path(scratch)).absolute()
        known = make_whole(place / "whole")
        trials = []
        for seed in range(given.seed, given.seed + given.trials):
            folder = place / f"seed{seed}-{time.strftime('%H%M%S')}"
            trial = try_once(place / "whole", folder, known, seed)
            trials.append(trial)
            said = "; ".join(trial.differing) or "the same"
            kills = ", ".join(map(str, trial.kills))
            print(
                f"seed {seed}: {trial.hit} of {len(trial.kills)} kills ({kills}), "
                f"{trial.seconds:.0f} s: {said}", flush=True,
            )  # fmt: skip
        same = sum(not trial.differing for trial in trials)
        print(
            f"{same} of {len(trials)} runs ended as the one that was left alone, after "
            f"{sum(trial.hit for trial in trials)} kills"
        )
    if same < len(trials):
        sys.exit(1)


def _attempt(
    folder: Path, kill: Kill | None, known: dict[str, Any], notes: Path | None = None
) -> int:
    """Run the command line in a process of its own; its exit code, -9 where it was killed."""
    process = FORK.Process(target=_run, args=(folder, kill, known, notes))
    process.start()
    process.join()
    return int(process.exitcode or 0)


def _run(folder: Path, kill: Kill | None, known: dict[str, Any], notes: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.chdir(folder)
    sys.argv = [
        "ackd.train", *SHORT, f"outputs={folder}/outputs", f"artifacts={folder}/artifacts",
        "ckpt_path=auto",
    ]  # fmt: skip
    fuse = Fuse(kill, known)
    fuse.install()
    with suppress(SystemExit):
        train.cli()
        if notes is not None:
            write_json(notes, {"seconds": fuse.seconds, "operations": fuse.operations})
        os._exit(0)
    os._exit(1)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [
            {key: value for key, value in row.items() if value and "seconds" not in key}
            for row in csv.DictReader(file)
        ]


if __name__ == "__main__":
    main()
