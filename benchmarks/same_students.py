"""``python -m benchmarks.same_students OLD_COMMIT [OVERRIDES]``: are the students still the same?

Three short seeded runs on the embedded data (baseline, kd, sembridge) are made twice, by an old
commit in a git worktree of its own and by the working tree (or ``--new COMMIT``), with the same
Python, the CPU and one thread. Their students are compared bit for bit: the tensors of student.pt,
and predictions.csv where both versions have the image. Options of ackd.train may be added; one that
only one of the two versions knows is left out there, and the answer says so.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.measure import ROOT

__all__ = [
    "METHODS",
    "Comparison",
    "compare_students",
    "known_options",
    "main",
    "same_bits",
    "students",
    "weights_of",
]

METHODS = ("baseline", "kd", "sembridge")

SHORT = (
    "seed=0", "data.ms_per_class=20", "data.rgb_per_class=30", "data.size=32",
    "data.ms_test_per_class=0", "data.rgb_test_per_class=0", "teacher.max_epochs=3",
    "teacher.batch_size=32", "matcher.max_epochs=2", "matcher.batch_size=32",
    "student.max_epochs=4", "student.batch_size=32",
    "dynm.e0=1", "dynm.delta=1", "dynm.mu=0", "dynm.count=2", "dynm.reference_epochs=4",
    "trainer.accelerator=cpu", "trainer.devices=1", "+trainer.enable_progress_bar=false",
)  # fmt: skip
"""Minutes for all six runs, with two re-matches and more than one batch in an epoch."""

ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Comparison:
    """What two students have in common.

    Attributes:
        differences: A sentence for each thing that should be equal and is not.
        notes: What only one of the two has, which is no fault by itself.
    """

    differences: tuple[str, ...]
    notes: tuple[str, ...]


def weights_of(content: Any) -> dict[str, Tensor]:
    """Find the student's state_dict in what a student.pt of any version holds.

    Args:
        content: The loaded file: the state_dict itself, or mappings in which one is called
            ``state_dict``, at any depth.

    Raises:
        ValueError: There is none, or more than one.
    """
    found = list(_state_dicts(content)) or ([dict(content)] if _all_tensors(content) else [])
    if len(found) != 1:
        raise ValueError(f"student.pt holds {len(found)} state_dicts; expected one.")
    return found[0]


def _all_tensors(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(value, Tensor) for value in content.values())
    )


def _state_dicts(content: Any) -> Iterator[dict[str, Tensor]]:
    if isinstance(content, Mapping):
        for name, value in content.items():
            if name == "state_dict" and _all_tensors(value):
                yield dict(value)
            else:
                yield from _state_dicts(value)


def same_bits(old: Tensor, new: Tensor) -> bool:
    """Whether two tensors have the same type, shape and bytes; -0 and 0 differ, NaN may agree."""
    if old.dtype != new.dtype or old.shape != new.shape:
        return False
    one, other = (each.contiguous().reshape(-1).view(torch.uint8) for each in (old, new))
    return bool(torch.equal(one, other))


def compare_students(old: Path, new: Path) -> Comparison:
    """Compare the students of two run folders.

    Args:
        old: A folder that has student.pt and predictions.csv.
        new: Another one.
    """
    weights = [weights_of(_load(folder / "student.pt")) for folder in (old, new)]
    differences, notes = _compare_weights(*weights)
    tables = [_predictions(folder / "predictions.csv") for folder in (old, new)]
    more_differences, more_notes = _compare_predictions(*tables)
    return Comparison((*differences, *more_differences), (*notes, *more_notes))


def _load(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _compare_weights(old: dict[str, Tensor], new: dict[str, Tensor]) -> tuple[list[str], list[str]]:
    differences = []
    for name, only in (("old", old.keys() - new.keys()), ("new", new.keys() - old.keys())):
        if only:
            differences.append(f"only the {name} student has {', '.join(sorted(only))}")
    shared = [name for name in old if name in new]
    changed = [name for name in shared if not same_bits(old[name], new[name])]
    if changed:
        first = changed[0]
        one, other = old[first], new[first]
        by = (
            f"by at most {(one.double() - other.double()).abs().max():.3g}"
            if one.shape == other.shape
            else f"in shape, {tuple(one.shape)} and {tuple(other.shape)}"
        )
        differences.append(
            f"{len(changed)} of {len(shared)} tensors differ; the first is {first}, {by}"
        )
    return differences, [f"{len(shared) - len(changed)} of {len(shared)} tensors are the same"]


def _predictions(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def _compare_predictions(
    old: dict[str, dict[str, str]], new: dict[str, dict[str, str]]
) -> tuple[list[str], list[str]]:
    shared = [file for file in old if file in new]
    changed = [
        file
        for file in shared
        if any(old[file][name] != new[file][name] for name in old[file].keys() & new[file].keys())
    ]
    differences = []
    if changed:
        differences.append(
            f"{len(changed)} of {len(shared)} predictions differ; the first is {changed[0]}"
        )
    if old and not shared:
        differences.append("the two have no test image in common")
    notes = [f"{len(shared) - len(changed)} of {len(shared)} predictions are the same"]
    for name, rows in (("old", old), ("new", new)):
        if len(rows) > len(shared):
            notes.append(f"{len(rows) - len(shared)} test images are only in the {name} one")
    return differences, notes


@contextmanager
def _checkout(commit: str | None, folder: Path) -> Iterator[Path]:
    """A commit's files in a worktree that goes again; the working tree itself for None."""
    if commit is None:
        yield ROOT
        return
    _git("worktree", "add", "--quiet", "--detach", str(folder), commit)
    try:
        yield folder
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _git(*words: str) -> None:
    subprocess.run(["git", *words], cwd=ROOT, check=True)


def _python(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a module of a tree, with nothing of the caller's folders and settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ACKD_")}
    found = kept | {"PYTHONPATH": str(tree / "src")} | dict.fromkeys(ONE_THREAD, "1")
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=tree, env=found, capture_output=True, text=True
    )


def known_options(tree: Path, options: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part the options into those that a tree's command takes and those that it refuses."""

    def taken(*words: str) -> bool:
        return _python(tree, "ackd.train", "--cfg", "job", *words).returncode == 0

    if taken(*options):
        return list(options), []
    known = [option for option in options if taken(option)]
    return known, [option for option in options if option not in known]


def students(tree: Path, options: Sequence[str], folder: Path) -> dict[str, Path]:
    """Make the three runs and return the folder of each; teacher and matcher are shared.

    Raises:
        SystemExit: A run failed; the message is its last lines.
    """
    found = {}
    for method in METHODS:
        place = folder / method
        done = _python(
            tree, "ackd.train", f"method={method}", *options, f"outputs={place}",
            f"artifacts={folder / 'artifacts'}",
        )  # fmt: skip
        made = sorted(place.rglob("student.pt"))
        if done.returncode or len(made) != 1:
            told = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
            raise SystemExit(f"{method} of {tree} made {len(made)} students.\n{told}")
        found[method] = made[0].parent
        print(f"  {method}: {found[method].relative_to(folder)}", flush=True)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, compare and print; 0 where every student is the same."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.same_students", description=__doc__)
    parser.add_argument("old", help="the commit to compare with")
    parser.add_argument("--new", help="a commit; the working tree as it is, where left out")
    parser.add_argument("overrides", nargs="*", help="more options of ackd.train")
    given = parser.parse_intermixed_args(arguments)
    options = [*SHORT, *given.overrides]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made: list[dict[str, Path]] = []
        refused: list[set[str]] = []
        for name, commit in (("old", given.old), ("new", given.new)):
            with _checkout(commit, folder / f"{name}-tree") as tree:
                known, unknown = known_options(tree, options)
                refused.append(set(unknown))
                print(f"{name}: {commit or 'the working tree'}", flush=True)
                for option in unknown:
                    print(f"  left out, not known: {option}")
                made.append(students(tree, known, folder / name))
        if both := refused[0] & refused[1]:
            raise SystemExit(f"Neither version knows {', '.join(sorted(both))}.")
        same = True
        for method in METHODS:
            found = compare_students(made[0][method], made[1][method])
            same &= not found.differences
            print(f"{method}: {'DIFFERENT' if found.differences else 'the same'}")
            for line in (*found.differences, *found.notes):
                print(f"  {line}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
