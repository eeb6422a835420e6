"""The command line: ``python -m ackd.runs [DIR]``."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ackd.config.location import from_environment
from ackd.config.messages.cli_errors import friendly_errors
from ackd.errors import ConfigError, counted, nearest_path
from ackd.utils.arguments import Parser

if TYPE_CHECKING:
    from ackd.artifacts.found import Item
    from ackd.artifacts.uses import Uses
    from ackd.overview.found import FoundRun

__all__ = ["cli", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says.

    Raises:
        AckdError: A folder does not exist, or something could not be deleted.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.yes and not given.prune:
        parser.error("--yes answers the question of --prune")
    if given.prune and (given.json or given.best):
        parser.error("--prune deletes artifacts; --json and --best only show")
    root: Path = given.folder.expanduser()
    for folder, option in ((root, "DIR"), *((path, "--artifacts DIR") for path in given.artifacts)):
        if not folder.expanduser().is_dir():
            raise ConfigError(
                f"There is no folder {folder.absolute()}; give one as {option}."
                f"{nearest_path(folder)}"
            )
    # Late: --help answers without torch.
    from ackd.overview.found import best_runs, find_runs

    runs = find_runs(root)
    shown = best_runs(runs) if given.best else runs
    kept = [] if given.best else _artifacts(runs, root, given)
    if given.json:
        _print_json(shown, [item for _, _, items in kept for item in items])
        return
    if not given.prune:
        _print_runs(shown, root, len(runs), best=given.best)
    _print_artifacts(kept, root, given)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m ackd.runs",
        description="List the runs below a folder: what they are, how far, what they reach on "
        "validation and test images, where the student is; and the stages that they share.",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=_default("outputs"), metavar="DIR",
        help="searched for runs, to any depth (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--best", action="store_true",
        help="the best finished run of each data set, by validation images",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON, for other programs")
    parser.add_argument(
        "--prune", action="store_true",
        help="list the artifacts that no run uses, ask, and delete them; never what a running "
        "process uses",
    )  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="with --prune: do not ask")
    parser.add_argument(
        "--artifacts", type=Path, action="append", default=[], metavar="DIR",
        help="an artifacts folder; may be given several times (default: those that the runs use)",
    )  # fmt: skip
    parser.add_argument(
        "--outputs", type=Path, action="append", default=[], metavar="DIR",
        help="where further runs are that may use the artifacts",
    )  # fmt: skip
    return parser


def _default(name: str) -> Path:
    return Path(from_environment(f"ACKD_{name.upper()}", name))


def _artifacts(
    runs: Sequence[FoundRun], root: Path, given: argparse.Namespace
) -> list[tuple[Path, Uses, list[Item]]]:
    """Each artifacts folder with what is in it, and the runs that may use it."""
    from ackd.artifacts.found import find
    from ackd.artifacts.uses import read_uses
    from ackd.overview.found import artifact_roots

    roots = [path.expanduser() for path in given.artifacts] or artifact_roots(runs)
    if not roots and _default("artifacts").is_dir() and root == _default("outputs"):
        roots = [_default("artifacts")]
    found = []
    for place in roots:
        uses = read_uses(_outputs(place, root, given))
        found.append((place, uses, find(place, uses)))
    return found


def _outputs(place: Path, root: Path, given: argparse.Namespace) -> list[Path]:
    """Where runs may be that use an artifacts folder: more than was asked about, to be safe."""
    beside = place.absolute().parent / "outputs"
    wanted = [root, *(path.expanduser() for path in given.outputs), _default("outputs"), beside]
    folders = [path.resolve() for path in wanted if path.is_dir()]
    return [
        path
        for path in dict.fromkeys(folders)
        if not any(other != path and path.is_relative_to(other) for other in folders)
    ]


def _print_json(runs: Sequence[FoundRun], items: Sequence[Item]) -> None:
    content = {
        "runs": [run.to_json() for run in runs],
        "artifacts": [
            {
                "folder": str(item.folder.absolute()), "stage": item.stage, "name": item.name,
                "state": str(item.kind), "in_use": item.held, "bytes": item.size,
                "used_by": [str(run.folder) for run in item.users],
            }
            for item in items
        ],
    }  # fmt: skip
    print(json.dumps(content, indent=2, ensure_ascii=False))


def _print_runs(runs: Sequence[FoundRun], root: Path, count: int, *, best: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    from ackd.artifacts.listing import wide_console

    if not count:
        print(
            f"There are no runs in {root.absolute()}: a run folder holds run.json or result.json."
        )
        return
    title = f"{counted(count, 'run')} in {root.absolute()}"
    if best:
        title += "; the best of each data set, by validation images"
    table = Table(title=title, title_style="")
    heads = ("run", "state", "what", "network", "data", "validation", "test [95 %]", "student")
    for head in heads:
        table.add_column(head, overflow="fold")
    for run in runs:
        seed = "" if run.seed is None else f" seed {run.seed}"
        state = f"{run.state}\n{run.detail}" if run.detail else str(run.state)
        cells = (
            run.name, state, f"{run.program} {run.method}{seed}", run.network, run.data,
            _text(run, run.validation), _text(run, run.test, run.interval),
            "" if run.student is None else run.student.name,
        )  # fmt: skip
        table.add_row(*map(escape, cells))
    wide_console().print(table)
    for run in runs if best else ():
        print(f"student: {run.student or 'there is none (student.pt)'}")
        if run.validates_on_test:
            print(f"{run.name} was chosen by its test images (protocol=paper): its number is high")


def _text(
    run: FoundRun,
    values: Mapping[str, float],
    intervals: Mapping[str, Sequence[float]] | None = None,
) -> str:
    """The metric that chooses the epoch; another one where that is not known."""
    metrics = [run.task.selection, *run.task.metrics]
    known = next((metric for metric in metrics if metric.name in values), None)
    if known is None:
        return ""
    return known.shown(values[known.name], (intervals or {}).get(known.name))


def _print_artifacts(
    kept: Sequence[tuple[Path, Uses, list[Item]]], root: Path, given: argparse.Namespace
) -> None:
    from ackd.artifacts.listing import ask_and_prune, refuse_unreadable, say_runs, show_items
    from ackd.artifacts.pruning import chosen

    for place, uses, items in kept:
        outputs = _outputs(place, root, given)
        if not given.prune:
            show_items(items, place, outputs)
            continue
        refuse_unreadable(uses)
        say_runs(uses, outputs)
        going = chosen(items, unused=True, older_than=None, now=time.time())
        ask_and_prune(going, place, outputs, yes=given.yes)
    if given.prune and not kept:
        print(f"No run in {root.absolute()} names an artifacts folder; give it: --artifacts DIR")


def cli() -> None:
    """Run the command line; the last word is never a stack trace."""
    with friendly_errors([]):
        main()
