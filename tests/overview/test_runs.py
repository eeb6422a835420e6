"""``python -m ackd.runs``: every run is told as far as it can be, and nothing in use is deleted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ackd.errors import AckdError, ConfigError
from ackd.overview.cli import main
from ackd.overview.found import FoundRun, State, best_runs, find_runs
from ackd.runs.folder import LOCK
from ackd.train import train
from tests.artifacts.test_artifacts import holder
from tests.cli.running import forked
from tests.stages import toy

QUICK = ("transport=off", "student.max_epochs=2", "teacher.max_epochs=1")
NAMES = ("one", "two", "cut", "gone")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs, one that failed in its second epoch, the teacher of one that is gone."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("LOCAL_RANK", "ACKD_RUN_FOLDER"):
            patch.delenv(name, raising=False)
        toy.small(patch)
        for seed, run in enumerate(("one", "two")):
            words = (*QUICK, f"seed={seed}", "method=kd", "matching=random")
            train(toy.composed(root, *words), root / "outputs" / "a" / run)
        with patch.context() as inner:
            toy.die_at(inner, toy.DistillModule, 1, toy.power_cut)
            with pytest.raises(RuntimeError):
                toy.run(root, "cut", *QUICK, "method=baseline")
        toy.run(root, "gone", *QUICK, "method=kd", "matching=random", "teacher.seed=7")
    shutil.rmtree(root / "outputs" / "gone")
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def by_name(root: Path) -> dict[str, FoundRun]:
    return {run.folder.name: run for run in find_runs(root / "outputs")}


def test_each_run_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = by_name(root)
    assert set(runs) == {"one", "two", "cut"}
    one, cut = runs["one"], runs["cut"]
    result = json.loads((one.folder / "result.json").read_text())
    assert (one.state, one.name, one.program, one.method) == (
        State.FINISHED,
        "a/one",
        "train",
        "kd",
    )
    assert (one.network, one.data, one.seed, one.epochs) == ("test_resnet", "toy", 0, (2, 2))
    assert one.validation == result["student"]["validation"]
    assert one.test == result["student"]["metrics"]
    assert list(one.interval["oa"]) == result["student"]["interval"]["oa"]
    assert one.student == one.folder / "student.pt"
    assert {path.parent.name for path in one.artifacts} == {"teacher", "store"}
    assert all(path.is_dir() for path in one.artifacts)
    assert (cut.state, cut.epochs, cut.student) == (State.FAILED, (1, 2), None)
    assert cut.detail == "student epoch 1 of 2; RuntimeError: power cut"
    assert cut.validation["oa"] >= 0
    assert not cut.test
    main([str(root / "outputs")])
    shown = capsys.readouterr().out
    assert "3 runs in" in shown
    (line,) = (line for line in shown.splitlines() if "a/one" in line and "train kd" in line)
    for text in ("train kd seed 0", f"OA {100 * one.validation['oa']:.1f} %", "student.pt"):
        assert text in line
    assert "RuntimeError: power cut" in shown
    assert "artifacts in" in shown
    assert "a/one, a/two" in shown
    assert "no run" in shown


def test_states(root: Path) -> None:
    folder = root / "outputs" / "cut"
    log = folder / "train.log"
    text = log.read_text()
    with log.open("a") as file:
        file.write("run folder: again\nThe student was interrupted in epoch 2; ...\n")
    assert by_name(root)["cut"].state is State.INTERRUPTED
    log.write_text(text + "run folder: again\nstudent epoch 2/2\n")
    assert by_name(root)["cut"].state is State.STOPPED
    log.unlink()
    assert by_name(root)["cut"].state is State.STOPPED
    _, end = holder(lambda: _hold(folder / LOCK))
    assert by_name(root)["cut"].state is State.RUNNING
    end()
    (folder / "run.json").write_text("{")
    assert by_name(root)["cut"].state is State.UNREADABLE
    # A longer run replaces a result: until it has its own, it is not finished.
    one = root / "outputs/a/one"
    stamp = json.loads((one / "run.json").read_text())
    (one / "run.json").write_text(json.dumps({**stamp, "replaces": True}))
    assert by_name(root)["one"].state is State.STOPPED
    # Of an earlier version there may be the result alone.
    two = root / "outputs/a/two"
    for path in [*two.iterdir()]:
        if path.name != "result.json":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    found = by_name(root)["two"]
    assert (found.state, found.epochs, found.student) == (State.FINISHED, None, None)
    assert found.test


def _hold(path: Path) -> None:
    from filelock import FileLock

    _held.append(FileLock(path))
    _held[0].acquire()


_held: list[object] = []


def test_a_teacher_in_training_is_told(root: Path) -> None:
    folder = root / "outputs" / "a" / "two"
    (folder / "result.json").unlink()
    (folder / "metrics.csv").unlink()
    (teacher,) = (path for path in by_name(root)["two"].artifacts if path.parent.name == "teacher")
    shutil.copytree(teacher, teacher.with_name(f"{teacher.name}.training"))
    assert by_name(root)["two"].detail == "teacher epoch 1 of 1"


def test_the_best_is_chosen_by_validation_images(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, validation, test in (("one", 0.9, 0.1), ("two", 0.8, 1.0)):
        path = root / "outputs" / "a" / name / "result.json"
        result = json.loads(path.read_text())
        result["student"]["validation"]["oa"] = validation
        result["student"]["metrics"]["oa"] = test
        result["protocol"] = "paper"
        path.write_text(json.dumps(result))
    (best,) = best_runs(find_runs(root))
    assert best.folder.name == "one"
    main([str(root), "--best"])
    shown = capsys.readouterr().out
    assert f"student: {best.student}" in shown.replace("\n", "")
    assert "one was chosen by its test images" in shown
    assert "a/two" not in shown
    assert "artifacts in" not in shown


def test_json_is_for_programs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(root / "outputs"), "--json"])
    content = json.loads(capsys.readouterr().out)
    runs = {Path(run["folder"]).name: run for run in content["runs"]}
    assert runs["one"]["state"] == "finished"
    assert runs["one"]["selected_by"] == "oa"
    assert runs["cut"]["student"] is None
    users = {
        one["name"]: one["used_by"] for one in content["artifacts"] if one["stage"] == "teacher"
    }
    assert sorted(map(len, users.values())) == [0, 2]
    main([str(root / "outputs"), "--json", "--best"])
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 1


def test_only_what_no_run_uses_is_deleted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = {path for run in find_runs(root) for path in run.artifacts}
    before = set((root / "artifacts").glob("*/*/"))
    assert kept < before
    main([str(root / "outputs"), "--prune"])
    assert "Nothing was deleted. Without a question: --yes" in capsys.readouterr().out
    assert set((root / "artifacts").glob("*/*/")) == before
    # A folder of it alone: the others beside the artifacts count as well.
    main([str(root / "outputs" / "a" / "one"), "--prune", "--yes"])
    assert set((root / "artifacts").glob("*/*/")) == kept
    assert "There is nothing to prune" not in capsys.readouterr().out
    main([str(root / "outputs"), "--prune", "--yes"])
    assert "There is nothing to prune" in capsys.readouterr().out
    (root / "outputs" / "cut" / "run.json").write_text("{")
    with pytest.raises(AckdError, match="cannot be read, so it is not known what is unused"):
        main([str(root / "outputs"), "--prune", "--yes"])


def test_what_is_wrong_is_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=r"no folder .*outptus.* Did you mean .*outputs"):
        main([str(root / "outptus")])
    for words in (["--yes"], ["--prune", "--json"], ["--bets"]):
        with pytest.raises(SystemExit):
            main([str(root), *words])
    assert "Did you mean '--best'?" in capsys.readouterr().err
    (root / "empty").mkdir()
    main([str(root / "empty")])
    assert "There are no runs in" in capsys.readouterr().out


@pytest.mark.slow
def test_the_command(root: Path) -> None:
    done = forked("-m", "ackd.runs", "outputs", "--best", cwd=root)
    assert done.code == 0, done.err
    assert "2 runs" in done.out or "3 runs" in done.out
    done = forked("-m", "ackd.runs", "nowhere", cwd=root)
    assert (done.code, done.last.startswith("ackd: There is no folder")) == (1, True)
