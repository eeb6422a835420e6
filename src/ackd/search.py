"""``python -m ackd.search``: a search with Optuna where a grid is too expensive.

Every trial is a run of ``ackd.train``, or of another program that ``--config-name`` names by its
primary configuration, in a process tree of its own, on the pool of ``hydra/launcher=local_pool``.
Runs that fall behind on validation images are ended early. The same command goes on with the same
search.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from ackd.config.command_line import quoted_paths
from ackd.config.messages.cli_errors import friendly_errors
from ackd.config.messages.removed import known_words
from ackd.config.programs import PROGRAMS, TRAIN, Program
from ackd.config.run_names import register_resolvers
from ackd.errors import ConfigError, DivergedError

if TYPE_CHECKING:
    from ackd.config.schema import RunConfig
    from ackd.sweeps.jobs import Job
    from ackd.sweeps.options import PoolOptions
    from ackd.sweeps.pool import Outcome, Pool
    from ackd.sweeps.run import Record
    from ackd.sweeps.space import SearchOptions
    from ackd.sweeps.study import Study, Watched

__all__ = ["cli", "main"]

BEAT_SECONDS = 0.2
register_resolvers()
EXAMPLE = (
    "python -m ackd.search +experiment=s2s_eu_tiny search.trials=20 "
    "'search.space={loss.lambda1: {low: 0.0, high: 1.0}, planner.heads: [2, 4, 8]}'"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Search, and print the best options."""
    parser = argparse.ArgumentParser(
        prog="python -m ackd.search", description=__doc__, epilog=f"Example: {EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "overrides", nargs="*",
        help="options of the program that all runs share, and search.NAME=VALUE: space, trials, "
        "metric, direction, seed, startup, warmup_epochs, prune, study; slots, threads, devices",
    )  # fmt: skip
    by_name = {program.primary: program for program in PROGRAMS}
    parser.add_argument(
        "--config-name", "-cn", default=TRAIN.primary, choices=list(by_name), metavar="NAME",
        help=f"the primary configuration: {', '.join(by_name)} (default: {TRAIN.primary})",
    )  # fmt: skip
    parsed = parser.parse_intermixed_args(arguments)
    program = by_name[parsed.config_name]
    with friendly_errors([]):
        given = quoted_paths(known_words(parsed.overrides))
    from ackd.sweeps.space import read_search

    options, pool_options, shared = read_search(given, program)
    with friendly_errors(shared, program):
        from ackd.sweeps.options import read_options

        _search(program, options, read_options(pool_options, "search"), shared)


def _search(
    program: Program, options: SearchOptions, pool_options: PoolOptions, shared: list[str]
) -> None:
    print(f"ackd.search: {options.trials} trials; loading Optuna and PyTorch", flush=True)
    # Late: --help answers without torch.
    from ackd.sweeps.failures import FAILURES
    from ackd.sweeps.jobs import sweep_name
    from ackd.sweeps.pool import Pool, signals_end_it
    from ackd.sweeps.run import Record
    from ackd.sweeps.study import Study

    options = options.settled(program)
    cfg = _compose(program, shared)
    searched = [*shared, *(f"{name}={choice}" for name, choice in sorted(options.space.items()))]
    searched += [f"{options.metric}={options.direction}"]
    name = sweep_name(searched, list(options.space))
    folder = (Path(str(cfg.outputs)).expanduser() / str(cfg.name) / "search" / name).absolute()
    study = Study(options, options.study or folder / "study.journal")
    slots = pool_options.share_out(options.trials)
    command = ["python", "-m", "ackd.search", *sys.argv[1:]]
    pool = Pool(slots)
    with Record([], folder, command, pool) as record, signals_end_it(), pool:
        _run_trials(study, pool, record, shared, program)
    FAILURES.extend(_failures(record, study))
    _print_best(study, folder, cfg.data.get("protocol"))


def _failures(record: Record, study: Study) -> list[str]:
    """What the command fails with. A trial that diverged is an answer, unless there is no other."""
    return record.failures if study.best() else record.failures + record.diverged


def _run_trials(
    study: Study,
    pool: Pool,
    record: Record,
    shared: list[str],
    program: Program = TRAIN,
) -> None:
    from ackd.sweeps.run import refuse_misfits

    watched: dict[Job, Watched] = {}
    queue: list[tuple[Job, Watched]] = []
    failures = 0
    while True:
        left = study.options.trials - study.counted - len(watched) - len(queue)
        # Failed runs are no trials; but if every run fails, so will the next.
        if left > 0 and not queue and failures < max(3, study.options.startup):
            queue.append(_next_job(study, record, shared, program))
            job, watching = queue[0]
            refuse_misfits([job], pool.slots)
            if job.mistake is not None:
                failures += _settle(study, record, *queue.pop())
                continue
        # The same values may be tried twice; the second waits and then takes the first's result.
        twin = bool(queue) and any(job.folder == queue[0][0].folder for job in watched)
        if queue and not twin and queue[0][0].finished:
            failures += _settle(study, record, *queue.pop())
            continue
        if queue and not twin and (slot := pool.start(queue[0][0])):
            job, watching = queue.pop()
            watched[job] = watching
            record.start(job, f"starts on {slot}")
            continue
        for outcome in pool.ended():
            failures += _end(study, record, outcome, watched.pop(outcome.job))
        if not watched and not queue:
            return
        for job, watching in watched.items():
            if not watching.pruned and study.report(watching, job.folder / "metrics.csv"):
                pool.stop(job)
        record.board.tick()
        time.sleep(BEAT_SECONDS)


def _next_job(
    study: Study, record: Record, shared: list[str], program: Program = TRAIN
) -> tuple[Job, Watched]:
    from ackd.config.check import check_composed
    from ackd.sweeps.environment import as_in_a_job
    from ackd.sweeps.jobs import make_job

    watching, words = study.ask()
    overrides = [*shared, *words]
    config: RunConfig | ConfigError
    try:
        with as_in_a_job():
            config = check_composed(_compose(program, overrides))
    except ConfigError as error:
        config = error
    job = make_job(
        watching.trial.number, overrides, list(study.options.space), record.folder, config
    )
    record.add(job)
    study.remember(watching, job.folder.name)
    return job, watching


def _settle(study: Study, record: Record, job: Job, watching: Watched) -> int:
    """Report a trial that needs no run: its options are wrong, or were tried before."""
    record.settle(job)
    study.report(watching, job.folder / "metrics.csv")
    watching.pruned = False
    return int(study.tell(watching, failed=job.mistake is not None) is None)


def _end(study: Study, record: Record, outcome: Outcome, watching: Watched) -> int:
    stopped = watching.pruned
    study.report(watching, outcome.job.folder / "metrics.csv")
    # A run that has come to its end is worth its value, whatever the others reached.
    watching.pruned = stopped and outcome.code != 0
    diverged = outcome.code == DivergedError.exit_code
    failed = outcome.code != 0 and not watching.pruned and not diverged
    value = study.tell(watching, failed=failed, diverged=diverged)
    record.end(outcome, pruned=watching.pruned and not diverged, diverged=diverged)
    if value is not None:
        record.board.say(outcome.job, f"best {study.options.metric} {value:.4f}")
    return int(failed)


def _compose(program: Program, words: list[str]) -> DictConfig:
    with initialize_config_dir(str(program.config_dir), version_base="1.3"):
        return compose(program.primary, overrides=words)


def _print_best(study: Study, folder: Path, protocol: str | None) -> None:
    """Say which values were best, by what, and where their student is."""
    from ackd.runs.folder import RESULT
    from ackd.runs.result import read_result
    from ackd.tasks import task_of_result

    best = study.best()
    if study.diverged:
        print(
            f"{study.diverged} of {study.counted} trials diverged (a loss or weight was not "
            "finite) and rank last"
        )
    if best is None:
        print(f"{study.counted} trials, of which none has a result")
        return
    words = " ".join(f"{name}={choice}" for name, choice in best.params.items())
    print(f"{study.counted} trials; best {study.options.metric} {best.value:.4f} with {words}")
    if not study.options.metric.startswith("val/"):
        print(f"{study.options.metric} is not measured on validation images")
    elif protocol == "paper":
        print("chosen by validation images, which are the test images (protocol=paper)")
    else:
        print("chosen by validation images; test images decided nothing")
    run = folder / best.folder if best.folder else None
    if run is None or not (run / RESULT).is_file():
        return
    student = read_result(run / RESULT).get("student") or {}
    intervals = student.get("interval") or {}
    for metric in task_of_result(student).metrics:
        value = (student.get("metrics") or {}).get(metric.name)
        if value is not None:
            ends = [metric.bare(end) for end in intervals.get(metric.name) or ()]
            interval = f" (95 % interval {' to '.join(ends)})" if ends else ""
            print(f"test {metric.shown(value)}{interval}")
    print(f"student: {run / 'student.pt'}")


def cli() -> None:
    """Run the command line; exit code 1 where a run failed."""
    from ackd.sweeps.failures import FAILURES

    with friendly_errors([]):
        main()
    if FAILURES:
        sys.exit(f"ackd: {len(FAILURES)} of the runs failed:\n" + "\n".join(FAILURES))


if __name__ == "__main__":
    cli()
