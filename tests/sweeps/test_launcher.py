"""Sweeps from the command line, with real trainings in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ackd.errors import ConfigError
from ackd.sweeps.options import read_options
from ackd.sweeps.submitting import submit_jobs
from tests.cli.running import TINY, environment, train
from tests.sweeps.scripted import wait_for

POOL = ("-m", *TINY, "hydra/launcher=local_pool", "trainer.accelerator=cpu")
ALONE = ("method=baseline", "transport=off")


def sweep(cwd: Path) -> tuple[Path, dict[str, dict[str, Any]]]:
    (found,) = (cwd / "outputs").rglob("sweep.json")
    jobs = json.loads(found.read_text())["jobs"]
    return found.parent, {entry["label"]: entry for entry in jobs}


@pytest.mark.slow
def test_a_failing_job_is_told_and_the_same_command_runs_only_that_one(tmp_path: Path) -> None:
    # 500 images do not fill a batch, which shows only once the images are there.
    words = (*POOL, *ALONE, "hydra.launcher.slots=2", "student.batch_size=8,500")
    first = train(*words, cwd=tmp_path)
    assert first.code == 1
    folder, jobs = sweep(tmp_path)
    good, bad = jobs["student.batch_size=8"], jobs["student.batch_size=500"]
    assert (good["state"], good["code"]) == ("finished", 0)
    assert (bad["state"], bad["code"]) == ("failed", 1)
    assert "1 of the jobs failed" in first.err
    assert "student.batch_size=500" in first.err
    assert "500" in bad["error"]
    assert bad["error"] in first.err
    assert "Traceback" not in first.err
    assert (folder / good["folder"] / "job.log").read_text().count("run folder:") == 1
    result = folder / good["folder"] / "result.json"
    written = result.stat().st_mtime_ns

    again = train(*words, cwd=tmp_path)
    assert again.code == 1
    assert "finished already" in again.out
    assert result.stat().st_mtime_ns == written
    assert sweep(tmp_path)[0] == folder
    assert sweep(tmp_path)[1]["student.batch_size=500"]["attempts"] == 2


@pytest.mark.parametrize(
    "words", [("trainer.devices=1,2",), ("+sweep=table7", "trainer.devices=2", "seed=0")]
)
def test_several_devices_under_one_process_are_refused_before_anything_starts(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    given = ("-m", "trainer.accelerator=cpu", *words)
    done = train(*given, cwd=tmp_path)
    assert done.code == 1
    assert "trainer.devices=2" in done.err
    assert done.last.startswith("python -m ackd.train -m ")
    assert done.last.endswith("hydra/launcher=local_pool")
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("slot", 2, r"Did you mean 'hydra\.launcher\.slots'\?"),
        ("slots", 0, r"hydra\.launcher\.slots=0 .*expected a number greater than 0"),
        ("devices", "gpu", "expected 'auto' or a list"),
    ],
)
def test_a_wrong_option_of_the_pool_is_told(name: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_options({name: value}, "hydra.launcher")


def test_a_misspelt_option_of_the_pool_ends_the_command(tmp_path: Path) -> None:
    done = train(*POOL, "+hydra.launcher.slot=2", "seed=0,1", cwd=tmp_path)
    assert done.code == 1
    assert "Did you mean 'hydra.launcher.slots'?" in done.last
    assert not list(tmp_path.rglob("job.log"))


@pytest.mark.slow
def test_a_job_that_dies_while_it_trains_the_teacher_of_the_others(tmp_path: Path) -> None:
    words = (*POOL, "method=kd", "teacher.max_epochs=60", "seed=0,1,2", "hydra.launcher.slots=3")
    started = subprocess.Popen(
        [sys.executable, "-m", "ackd.train", *words], cwd=tmp_path, env=environment(tmp_path),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    victim: list[int] = []

    def training() -> bool:
        checkpoints = tmp_path.glob("artifacts/teacher/*.training/checkpoints/last.ckpt")
        if any(checkpoints):
            victim.extend(_trainer_of_the_teacher(tmp_path))
        return bool(victim) or started.poll() is not None

    assert wait_for(training, seconds=200)
    os.kill(victim[0], signal.SIGKILL)
    _, err = started.communicate(timeout=400)
    assert started.returncode == 1
    folder, jobs = sweep(tmp_path)
    assert sorted(job["state"] for job in jobs.values()) == ["failed", "finished", "finished"]
    (dead,) = (job for job in jobs.values() if job["state"] == "failed")
    assert dead["code"] == 137
    assert "ended by SIGKILL" in err
    teachers = {_result(folder / job["folder"])["teacher"]["fingerprint"] for job in jobs.values()
                if job is not dead}  # fmt: skip
    assert len(teachers) == 1

    again = train(*words, cwd=tmp_path)
    assert again.code == 0, again.err
    assert again.out.count("finished already") == 2
    assert {job["state"] for job in sweep(tmp_path)[1].values()} == {"finished"}
    result = _result(folder / dead["folder"])
    assert "teacher" in result["reused"]
    assert result["teacher"]["fingerprint"] in teachers


def _trainer_of_the_teacher(root: Path) -> list[int]:
    """The process that has said that it trains the teacher."""
    logs = (log for log in root.rglob("job.log") if "training teacher" in log.read_text())
    names = [log.parent.name for log in logs]
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
        except OSError:
            continue
        ours = words[1:3] == ["-m", "ackd.train"] and "-m" not in words[3:]
        if ours and any(name in word for name in names for word in words):
            found.append(int(process.name))
    return found


def _result(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


@pytest.mark.slow
def test_jobs_on_two_processes_each(tmp_path: Path) -> None:
    done = train(
        *POOL, "method=kd", "trainer.devices=2", "+trainer.strategy=ddp", "seed=0,1",
        "hydra.launcher.slots=1", "transport=off", cwd=tmp_path, LOCAL_RANK="1", WORLD_SIZE="4",
    )  # fmt: skip
    assert done.code == 0, done.err + done.out
    folder, jobs = sweep(tmp_path)
    assert {job["state"] for job in jobs.values()} == {"finished"}
    runs = list(tmp_path.rglob("result.json"))
    assert sorted(path.parent.parent for path in runs) == [folder, folder]
    assert _result(runs[0].parent)["teacher"] == _result(runs[1].parent)["teacher"]


@pytest.mark.slow
def test_submitit_runs_the_same_jobs(tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="the extra 'slurm' is not installed")
    words = (
        "-m", *TINY, *ALONE, "hydra/launcher=slurm_local", "trainer.accelerator=cpu",
        "student.batch_size=8,500",
    )  # fmt: skip
    site = os.pathsep.join(filter(None, [environment(tmp_path)["PYTHONPATH"], *sys.path]))
    done = train(*words, cwd=tmp_path, PYTHONPATH=site)
    assert done.code == 1
    _, jobs = sweep(tmp_path)
    assert jobs["student.batch_size=8"]["state"] == "finished", done.out + done.err
    assert jobs["student.batch_size=500"]["state"] == "failed"
    assert "500" in jobs["student.batch_size=500"]["error"]
    again = train(*words, cwd=tmp_path, PYTHONPATH=site)
    assert "finished already" in again.out


def test_slurm_is_missed_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match=r"pip install 'ackd\[slurm\]'"):
        submit_jobs([], tmp_path, "local", {}, [])
