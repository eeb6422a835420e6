"""Jobs side by side: exit codes, places, and that nothing outlives the sweep."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ackd.errors import ConfigError
from ackd.sweeps.failures import FAILURES
from ackd.sweeps.process import LOG
from ackd.sweeps.run import run_jobs
from ackd.sweeps.slots import Slots
from ackd.sweeps.states import held
from ackd.utils.io import read_json
from tests.slow import slow
from tests.sweeps.scripted import WELL, alive, jobs_of, places, wait_for

CHILD = "child = subprocess.Popen(['sleep', '600']); (RUN / 'pid').write_text(str(child.pid))\n"


@pytest.fixture(autouse=True)
def failures():
    FAILURES.clear()
    yield FAILURES
    FAILURES.clear()


def states(root: Path) -> dict[int, dict]:
    return {entry["number"]: entry for entry in read_json(root / "sweep.json")["jobs"]}


def test_a_failed_job_leaves_the_others_right(tmp_path, failures, capfd) -> None:
    jobs = jobs_of(
        tmp_path, WELL, "sys.exit('ackd: The lamp is out.')", "os.kill(os.getpid(), 9)",
        "raise RuntimeError('unforeseen')", "pass", WELL,
    )  # fmt: skip
    run_jobs(jobs, tmp_path, places(3), ["python"])
    known = states(tmp_path)
    assert [known[n]["state"] for n in range(6)] == [
        "finished", "failed", "failed", "failed", "failed", "finished",
    ]  # fmt: skip
    assert [known[n]["code"] for n in range(6)] == [0, 1, 137, 1, 1, 0]
    assert known[1]["error"] == "The lamp is out."
    assert known[2]["error"] == "ended by SIGKILL"
    assert "RuntimeError: unforeseen" in known[3]["error"]
    assert "no result.json" in known[4]["error"]
    assert len(failures) == 4
    assert "job 1 (n=1): The lamp is out." in failures
    closing = capfd.readouterr().out
    assert closing.rindex("6 jobs in") < closing.rindex("The lamp is out.")


def test_the_same_again_runs_only_what_has_no_result(tmp_path, failures) -> None:
    once = "assert not (RUN / 'result.json').exists(); open(RUN / 'ran', 'a').write('x'); "
    twice = "open(RUN / 'ran', 'a').write('x'); sys.exit(3) if not (RUN / 'again').exists() else "
    jobs = jobs_of(tmp_path, once + WELL, twice + WELL)
    run_jobs(jobs, tmp_path, places(2), [])
    assert len(failures) == 1
    failures.clear()
    (jobs[1].folder / "again").touch()
    run_jobs(jobs, tmp_path, places(2), [])
    assert not failures
    assert [(job.folder / "ran").read_text() for job in jobs] == ["x", "xx"]
    assert [states(tmp_path)[n]["attempts"] for n in (0, 1)] == [1, 2]
    assert states(tmp_path)[1]["code"] == 0


def test_jobs_get_a_device_each_and_no_rank_of_somebody_else(tmp_path, monkeypatch) -> None:
    for name in ("LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT", "SLURM_NTASKS", "PL_GLOBAL_SEED"):
        monkeypatch.setenv(name, "7")
    monkeypatch.setenv("MINE", "kept")
    script = "import json; (RUN / 'seen').write_text(json.dumps(dict(os.environ))); " + WELL
    jobs = jobs_of(tmp_path, script, script, script)
    run_jobs(jobs, tmp_path, Slots(["4", "6"], 1, threads=3), [])
    seen = [json.loads((job.folder / "seen").read_text()) for job in jobs]
    assert {env["CUDA_VISIBLE_DEVICES"] for env in seen} == {"4", "6"}
    for env in seen:
        assert env["MINE"] == "kept"
        assert env["OMP_NUM_THREADS"] == "3"
        assert not {"LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT", "SLURM_NTASKS"} & set(env)


def test_no_more_jobs_than_places(tmp_path) -> None:
    script = (
        "mine = RUN.parent / f'{RUN.name}.on'; mine.touch()\n"
        "(RUN / 'most').write_text(str(len(list(RUN.parent.glob('*.on'))))); time.sleep(0.3)\n"
        f"mine.unlink(); {WELL}"
    )
    jobs = jobs_of(tmp_path, *[script] * 4)
    run_jobs(jobs, tmp_path, places(2), [])
    most = [int((job.folder / "most").read_text()) for job in jobs]
    assert max(most) == 2


def test_a_job_that_could_never_start_is_refused_before_any_does(tmp_path) -> None:
    jobs = [*jobs_of(tmp_path, WELL), *jobs_of(tmp_path, WELL, WELL, devices=3)[1:]]
    with pytest.raises(ConfigError, match=r"trainer.devices=3 .* the pool has 2"):
        run_jobs(jobs, tmp_path, Slots(["0", "1"], 1), [])
    assert not list(tmp_path.iterdir())


def test_one_sweep_runs_once_at_a_time(tmp_path) -> None:
    with (
        held(tmp_path),
        pytest.raises(ConfigError, match="Another process runs this sweep"),
    ):
        run_jobs(jobs_of(tmp_path, WELL), tmp_path, places(1), [])


def test_ranks_that_a_dead_job_leaves_behind_are_ended(tmp_path) -> None:
    jobs = jobs_of(tmp_path, CHILD + "os.kill(os.getpid(), 9)")
    run_jobs(jobs, tmp_path, places(1), [])
    pid = int((jobs[0].folder / "pid").read_text())
    assert wait_for(lambda: not alive(pid))


@pytest.mark.parametrize(
    ("ending", "code"),
    [slow(signal.SIGTERM, 143), slow(signal.SIGINT, 130), slow(signal.SIGKILL, -9)],
)
def test_no_job_outlives_the_sweep(tmp_path: Path, ending: signal.Signals, code: int) -> None:
    script = CHILD + "print('here', flush=True); time.sleep(600)"
    program = (
        "import pathlib\n"
        "from tests.sweeps.scripted import jobs_of, places\n"
        "from ackd.sweeps.run import run_jobs\n"
        f"root = pathlib.Path({str(tmp_path)!r})\n"
        f"run_jobs(jobs_of(root, {script!r}, {script!r}, {script!r}), root, places(2), [])\n"
    )
    roots = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    sweep = subprocess.Popen(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": ":".join(roots)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    pids = [tmp_path / f"n={n}" / "pid" for n in (0, 1)]
    started = wait_for(
        lambda: all(p.is_file() and (p.parent / LOG).read_text().strip() == "here" for p in pids),
        seconds=120,
    )
    sweep.send_signal(ending)
    said, _ = sweep.communicate(timeout=60)
    assert started, said
    assert sweep.returncode == code
    assert wait_for(lambda: not any(alive(int(p.read_text())) for p in pids))
    assert not (tmp_path / "n=2").exists()
    if code > 0:
        assert [states(tmp_path)[n]["state"] for n in range(3)] == [
            "interrupted", "interrupted", "waiting",
        ]  # fmt: skip
        assert "the same command goes on from here" in said
        assert "Traceback" not in said
