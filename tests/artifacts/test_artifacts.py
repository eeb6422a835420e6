"""What is kept for later runs: listed with its users, and pruned without taking it from anyone."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ackd.artifacts import main
from ackd.artifacts.cache import obtain
from ackd.artifacts.found import Item, Kind, find
from ackd.artifacts.usage import Usage
from ackd.artifacts.uses import read_uses
from ackd.errors import AckdError, ConfigError
from ackd.train import train
from tests.artifacts.test_cache import FakeStage
from tests.stages import toy

QUICK = ("transport=off", "student.max_epochs=1", "teacher.max_epochs=1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of some runs, whose paths are in their files, and a copy of what was in it."""
    root, kept = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("kept") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        _alone(patch)
        for seed, run in enumerate(("one", "two", "gone")):
            words = (*QUICK, f"teacher.seed={seed}", f"method={'kd' if seed == 2 else 'sembridge'}")
            train(toy.composed(root, *words), root / "outputs" / run)
    shutil.rmtree(root / "outputs" / "gone")
    shutil.copytree(root, kept)
    return root, kept


def _alone(patch: pytest.MonkeyPatch) -> None:
    for name in ("LOCAL_RANK", "ACKD_RUN_FOLDER"):
        patch.delenv(name, raising=False)
    toy.small(patch)


@pytest.fixture
def root(trained: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs that share a matcher, and a teacher that no run is left of."""
    _alone(monkeypatch)
    folder, kept = trained
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)
    return folder


def items(root: Path) -> list[Item]:
    return find(root / "artifacts", read_uses([root / "outputs"]))


def command(root: Path, *words: str) -> None:
    places = ("--artifacts", str(root / "artifacts"), "--outputs", str(root / "outputs"))
    main([*words, *places])


def age(root: Path, item: Item, days: float) -> None:
    """Let an item look as if it had not been used for some days."""
    for path in (*item.folder.rglob("*"), item.folder, *item.folder.parent.glob(f"{item.name}*")):
        when = path.stat().st_mtime - 86400 * days
        os.utime(path, (when, when))
    for run in item.users:
        for path in run.folder.iterdir():
            os.utime(path, (0, 0))


def users(item: Item) -> list[str]:
    return sorted(run.folder.name for run in item.users)


def test_everything_is_listed_with_who_uses_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = items(root)
    assert [item.stage for item in found] == 3 * ["teacher"] + ["matcher"] + 3 * ["store"]
    assert sorted(map(users, found)) == [[], [], ["one"], ["one"], ["one", "two"], ["two"], ["two"]]
    (matcher,) = (item for item in found if item.stage == "matcher")
    assert users(matcher) == ["one", "two"]
    for item in found:
        real = [path.stat().st_size for path in item.folder.rglob("*") if path.is_file()]
        assert item.size == sum(real)
        assert item.kind is Kind.FINISHED
        assert not item.held
    command(root, "list")
    shown = capsys.readouterr().out
    assert "7 artifacts in" in shown
    assert "2 runs in" in shown
    for item in found:
        assert item.label in shown
    one = json.loads((root / "outputs/one/result.json").read_text())
    teacher = one["teacher"]
    (line,) = (line for line in shown.splitlines() if f"teacher/{teacher['fingerprint']}" in line)
    assert f"OA {100 * teacher['validation']['oa']:.1f} %" in line
    assert "test_resnet" in line
    assert "one" in line.split()
    assert one["artifacts"]["teacher"] == teacher["artifact"]
    assert set(one["artifacts"]) == {"teacher", "store", "matcher"}


def test_only_what_nobody_uses_goes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = items(root)
    unused = [item for item in before if not item.users]
    command(root, "prune", "--unused", "--dry-run")
    assert items(root) == before
    command(root, "prune", "--unused")
    assert "Nothing was deleted. Without a question: --yes" in capsys.readouterr().out
    assert items(root) == before
    command(root, "prune", "--unused", "--yes")
    assert "deleted 2" in capsys.readouterr().out
    assert items(root) == [item for item in before if item not in unused]
    for item in unused:
        assert not list(item.folder.parent.glob(f"*{item.name}*"))
    command(root, "prune", "--unused", "--yes")
    assert "There is nothing to prune" in capsys.readouterr().out
    # and a run that needs it trains it again
    words = (*QUICK, "teacher.seed=2", "method=kd")
    again = train(toy.composed(root, *words), root / "outputs" / "again")
    assert again["reused"] == []
    assert len(items(root)) == len(before)


def test_age_is_that_of_the_last_use(root: Path) -> None:
    matcher = next(item for item in items(root) if item.stage == "matcher")
    age(root, matcher, 40)
    command(root, "prune", "--older-than", "41", "--yes")
    assert matcher.folder.is_dir()
    # Used again, so young again.
    words = (*QUICK, "teacher.seed=0", "student.batch_size=4")
    train(toy.composed(root, *words), root / "outputs" / "later")
    command(root, "prune", "--older-than", "30", "--yes")
    assert matcher.folder.is_dir()
    age(root, next(item for item in items(root) if item.stage == "matcher"), 40)
    command(root, "prune", "--unused", "--older-than", "30", "--yes")
    assert matcher.folder.is_dir(), "runs use it"
    command(root, "prune", "--older-than", "30", "--yes")
    assert not matcher.folder.exists()


def test_a_pack_of_tiles_is_whole_once_its_images_are_there(root: Path) -> None:
    """Packs of tiles have an index of their own; taken for leftovers they would be pruned."""
    pack = root / "artifacts" / "packed" / "tiles-pairs-1"
    pack.mkdir(parents=True)
    (pack / ".pack.lock").touch()
    (found,) = (item for item in items(root) if item.stage == "packed")
    assert found.kind is Kind.INTERRUPTED
    (pack / "images.json").write_text("{}")
    stamp = json.loads((root / "outputs/one/run.json").read_text())
    used = {**stamp["artifacts"], "packed": "../../artifacts/packed/tiles-pairs-1"}
    (root / "outputs/one/run.json").write_text(json.dumps({**stamp, "artifacts": used}))
    (found,) = (item for item in items(root) if item.stage == "packed")
    assert (found.kind, found.used, users(found)) == (Kind.FINISHED, True, ["one"])
    command(root, "prune", "--unused", "--yes")
    assert pack.is_dir()


def holder(begin: Callable[[], None]) -> tuple[int, Callable[[], None]]:
    """A process that holds what ``begin`` begins to use, until it is killed."""
    said, say = os.pipe()
    child = os.fork()
    if child == 0:
        begin()
        os.write(say, b"x")
        signal.pause()
    os.read(said, 1)

    def kill() -> None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    return child, kill


def test_what_a_process_holds_stays_until_it_is_killed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unused = [item for item in items(root) if not item.users]
    usage = Usage(root / "elsewhere")
    _, kill = holder(lambda: usage.begin(unused[0].folder))
    try:
        held = [item.folder for item in items(root) if item.held]
        assert held == [unused[0].folder]
        command(root, "list")
        assert "finished, in use" in capsys.readouterr().out
        command(root, "prune", "--unused", "--yes")
        assert f"{unused[0].label} stays: a running process uses it" in capsys.readouterr().out
        command(root, "prune", unused[0].label, "--yes")
        assert unused[0].folder.is_dir()
        assert not unused[1].folder.exists()
    finally:
        kill()
    command(root, "prune", "--unused", "--yes")
    assert not unused[0].folder.exists()


def test_a_stage_in_training_stays_and_a_dead_one_goes(tmp_path: Path) -> None:
    root, store = tmp_path, "store"  # one of the stages that are looked at
    (root / "outputs").mkdir()

    class Training(FakeStage):
        name = store

        def train(self, folder: Path, *, resume: bool) -> None:
            super().train(folder, resume=resume)
            os.write(self.say, b"x")
            signal.pause()

    said, say = os.pipe()
    child = os.fork()
    if child == 0:
        stage = Training(root / "log")
        stage.say = say
        obtain(stage, root / "artifacts")
        os._exit(1)
    os.read(said, 1)
    (item,) = items(root)
    assert (item.kind, item.held) == (Kind.TRAINING, True)
    command(root, "prune", "--unused", "--yes")
    assert items(root) == [item]
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    (item,) = items(root)
    assert (item.kind, item.held) == (Kind.INTERRUPTED, False)
    # A run without a result may go on with it.
    run = root / "outputs" / "run"
    run.mkdir()
    (run / "run.json").write_text('{"options": {}}')
    with Usage(run) as usage:
        usage.begin(item.artifact)
    command(root, "prune", "--unused", "--yes")
    assert len(items(root)) == 1
    (root / "outputs/run/result.json").write_text('{"teacher": null}')
    command(root, "prune", "--unused", "--yes")
    assert items(root) == []
    assert not list((root / "artifacts" / store).iterdir())


def test_leftovers_of_a_killed_prune_and_a_killed_run_go(tmp_path: Path) -> None:
    place = tmp_path / "artifacts" / "teacher"
    for name in (".0123456789abcdef.pruned-1", "0123456789abcdef.replaced"):
        (place / name).mkdir(parents=True)
    (place / "fedcba9876543210.lock").touch()
    (place / "fedcba9876543210.use").touch()
    (place / "somebody's").mkdir()
    running = tmp_path / "outputs" / "run" / ".running"
    running.parent.mkdir(parents=True)
    running.touch()
    assert [item.kind for item in items(tmp_path)] == [Kind.LEFTOVER] * 2
    command(tmp_path, "prune", "--unused", "--yes")
    assert [path.name for path in place.iterdir()] == ["somebody's"]
    assert not running.exists()


def test_a_run_leaves_no_mark_that_it_is_running(root: Path) -> None:
    assert not list((root / "outputs").rglob(".running"))


def test_packs_are_listed_and_pruned(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts" / "packed" / "s2s_eu-012345"
    folder.mkdir(parents=True)
    (folder / "pack.json").write_text('{"name": "s2s_eu"}')
    np.save(folder / "ms.npy", np.zeros(10))
    (item,) = items(tmp_path)
    assert (item.stage, item.metric, item.kind) == ("packed", "s2s_eu", Kind.FINISHED)
    usage = Usage(tmp_path / "run")
    _, kill = holder(lambda: usage.begin(folder))
    try:
        assert items(tmp_path)[0].held
        command(tmp_path, "prune", "--unused", "--yes")
        assert folder.is_dir()
    finally:
        kill()
    command(tmp_path, "prune", "--unused", "--yes")
    assert not folder.exists()


def test_a_run_of_an_earlier_version_keeps_its_teacher_and_store(root: Path) -> None:
    for name in ("run.json", "result.json"):
        path = root / "outputs" / "one" / name
        content = json.loads(path.read_text())
        del content["artifacts"]
        path.write_text(json.dumps(content))
    kept = {item.stage for item in items(root) if "one" in users(item)}
    assert kept == {"teacher", "store"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prune"], "Say what to prune: --unused"),
        (["prune", "teacher/nothing"], "There is no artifact teacher/nothing"),
        (["list", "teacher"], "There is no artifact teacher"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "artifacts").mkdir()
    with pytest.raises(ConfigError, match=said):
        command(tmp_path, *words)


def test_a_run_that_cannot_be_read_keeps_everything(tmp_path: Path) -> None:
    place = tmp_path / "artifacts" / "teacher" / "0123456789abcdef"
    place.mkdir(parents=True)
    (place / "stage.json").write_text("{}")
    (tmp_path / "outputs" / "run").mkdir(parents=True)
    (tmp_path / "outputs" / "run" / "run.json").write_text('{"half": ')
    with pytest.raises(AckdError, match="cannot be read, so it is not known what is unused"):
        command(tmp_path, "prune", "--unused", "--yes")
    assert place.is_dir()
    with pytest.raises(ConfigError, match="There is no folder"):
        main(["list", "--artifacts", str(tmp_path / "nowhere")])


def test_a_name_may_be_short_but_not_ambiguous(root: Path) -> None:
    teacher = next(item for item in items(root) if item.stage == "teacher")
    command(root, "prune", f"teacher/{teacher.name[:8]}", "--yes")
    assert not teacher.folder.exists()
    assert len([item for item in items(root) if item.stage == "teacher"]) == 2
