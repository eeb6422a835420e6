"""What a power cut, a full disk or a damaged disk leaves behind is passed over or made again."""

from __future__ import annotations

import errno
import logging
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from ackd.errors import DiskFullError
from ackd.runs.checkpoints import (
    BEST,
    CHECKPOINTS,
    LAST,
    PREVIOUS,
    WholeCheckpoints,
    epoch_of,
    last_checkpoint,
)
from ackd.runs.folder import RESULT
from ackd.tracking.metrics_csv import read_rows
from ackd.utils import io
from tests.slow import slow
from tests.stages import toy


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


KD = ("method=kd", "matching=random", "dynm.enabled=false")


def run(root: Path, name: str, *overrides: str) -> dict[str, Any]:
    return toy.run(root, name, *KD, *overrides)


def crashed(root: Path, monkeypatch: pytest.MonkeyPatch, epoch: int = 4) -> Path:
    """The folder of a run that was cut off in an epoch."""
    return toy.crashed(monkeypatch, root, "crashed", *KD, "name=n", epoch=epoch)


def cut_off(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def test_the_last_two_are_two_files_while_the_next_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill in the middle of a write leaves both, so that damage to one leaves the other."""
    place, files = tmp_path / CHECKPOINTS, WholeCheckpoints()
    for epoch in range(2):
        files.save_checkpoint({"epoch": epoch}, place / LAST)
    write = io.write_bytes

    def killed(path: Path, content: bytes | memoryview) -> None:
        write(path, content[: len(content) // 2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(io, "write_bytes", killed)
        with pytest.raises(KeyboardInterrupt):
            files.save_checkpoint({"epoch": 2}, place / LAST)
    assert (epoch_of(place / PREVIOUS), epoch_of(place / LAST)) == (0, 1)
    os.truncate(place / LAST, 20)  # in place, as a bad block is
    assert last_checkpoint(tmp_path) == place / PREVIOUS
    files.save_checkpoint({"epoch": 1}, place / LAST)
    files.save_checkpoint({"epoch": 2}, place / LAST)
    assert (epoch_of(place / PREVIOUS), epoch_of(place / LAST)) == (1, 2)
    assert {path.name for path in place.iterdir()} == {LAST, PREVIOUS}


def student(folder: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(folder / "student.pt", weights_only=True)
    return weights["state_dict"]  # type: ignore[return-value]


def assert_same(ours: Path, whole: Path) -> None:
    ours_student, expected = student(ours), student(whole)
    assert all(torch.equal(ours_student[name], expected[name]) for name in expected)
    assert toy.rows(ours / "metrics.csv") == toy.rows(whole / "metrics.csv")


def test_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    run(tmp_path, "run")
    place = tmp_path / "outputs" / "run" / CHECKPOINTS
    assert {path.name for path in place.iterdir()} == {LAST, PREVIOUS, BEST}
    assert (epoch_of(place / PREVIOUS), epoch_of(place / LAST)) == (3, 4)


@pytest.mark.parametrize(
    ("damaged", "goes_on_with"),
    [
        ((LAST,), PREVIOUS),
        slow((LAST, PREVIOUS), None),
        slow((PREVIOUS,), LAST),
    ],
)
def test_a_damaged_checkpoint_is_named_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[logging.LogRecord],
    damaged: tuple[str, ...], goes_on_with: str | None,
) -> None:  # fmt: skip
    run(tmp_path, "whole")
    folder = crashed(tmp_path, monkeypatch)
    place = folder / CHECKPOINTS
    for name in damaged:
        cut_off(place / name)
    assert last_checkpoint(folder) == (place / goes_on_with if goes_on_with else None)
    lines = [r.getMessage() for r in said if "passed over" in r.getMessage()]
    names = [name for name in damaged if goes_on_with != LAST]
    assert len(lines) == len(names)
    assert all(str(place / name) in text for name, text in zip(names, lines, strict=True))
    run(tmp_path, "unused", "name=n", "ckpt_path=auto")
    assert_same(folder, tmp_path / "outputs" / "whole")


@pytest.mark.parametrize("lost", ["cut off", slow("gone")])
def test_a_damaged_best_epoch_is_made_again_or_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    run(tmp_path, "whole")
    folder = crashed(tmp_path, monkeypatch)
    place = folder / CHECKPOINTS
    best = epoch_of(place / BEST)
    if lost == "gone":
        (place / BEST).unlink()
    else:
        cut_off(place / BEST)
    found = last_checkpoint(folder)
    # Only a checkpoint of that very epoch has its weights.
    expected = {3: place / LAST, 2: place / PREVIOUS}.get(best)
    assert found == expected
    run(tmp_path, "unused", "name=n", "ckpt_path=auto")
    assert_same(folder, tmp_path / "outputs" / "whole")


def test_a_full_disk_ends_a_training_with_the_bytes_and_the_way_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "whole")
    write, written = Path.write_bytes, [0]

    def full(self: Path, content: Any) -> int:
        if ".ckpt" in self.name:
            written[0] += 1
            if written[0] > 4:
                write(self, bytes(content)[:1000])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(DiskFullError) as caught:
            run(tmp_path, "crashed", "name=n")
    folder = tmp_path / "outputs" / "crashed"
    assert re.search(r"it needs \d+\.\d kB", str(caught.value))
    assert str(folder / CHECKPOINTS) in str(caught.value)
    assert not [path for path in (folder / CHECKPOINTS).iterdir() if path.name.startswith(".")]
    run(tmp_path, "unused", "name=n", "ckpt_path=auto")
    assert_same(folder, tmp_path / "outputs" / "whole")


def test_checkpoints_do_not_go_through_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where it is on another disk that is full.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    run(tmp_path, "run")
    assert (tmp_path / "outputs" / "run" / RESULT).is_file()


def test_zeros_and_half_rows_in_metrics_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[logging.LogRecord]
) -> None:
    run(tmp_path, "whole")
    folder = crashed(tmp_path, monkeypatch)
    path = folder / "metrics.csv"
    before = read_rows(path)
    with path.open("ab") as file:
        file.write(b"3.5,0.1" + bytes(700))
    assert read_rows(path) == before
    assert "left out 1 line" in said[-1].getMessage()
    run(tmp_path, "unused", "name=n", "ckpt_path=auto")
    assert_same(folder, tmp_path / "outputs" / "whole")


def test_what_was_logged_after_zeros_is_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(
        b"epoch,val/oa\r\n0,0.5\r\n" + bytes(90) + b"1,0.6\r\n2" + bytes(9) + b"\r\n3,0.7\r\n4,0."
    )
    keys, rows = read_rows(path)
    assert keys == ["epoch", "val/oa"]
    assert [row["epoch"] for row in rows] == ["0", "1", "3"]
    assert read_rows(tmp_path / "nothing.csv") == ([], [])


@pytest.mark.parametrize(
    ("stage", "file"),
    [
        ("teacher", "weights.pt"), slow("teacher", "metrics.json"), slow("matcher", "weights.pt"),
        ("store", "logits.npy"), slow("store", "store.json"),
    ],
)  # fmt: skip
def test_a_damaged_artifact_is_trained_again(
    tmp_path: Path, said: list[logging.LogRecord], stage: str, file: str
) -> None:
    options = ("matching=ssm", "student.max_epochs=1")
    run(tmp_path, "first", *options)
    (folder,) = (path.parent for path in (tmp_path / "artifacts" / stage).glob("*/stage.json"))
    before = (folder / file).read_bytes()
    cut_off(folder / file)
    said.clear()
    result = run(tmp_path, "second", *options)
    assert stage not in result["reused"]
    (line,) = [r.getMessage() for r in said if "again: " in r.getMessage()]
    assert f"training {stage} {folder.name} again" in line
    assert len((folder / file).read_bytes()) > 0.9 * len(before)
    assert student(tmp_path / "outputs" / "first").keys()
    assert_same(tmp_path / "outputs" / "second", tmp_path / "outputs" / "first")


def test_what_a_kill_left_half_written_goes_when_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = crashed(tmp_path, monkeypatch, epoch=1)
    for place in (folder, folder / CHECKPOINTS):
        (place / f".metrics.json.1{io.DRAFT_SUFFIX}").write_text("{")
    run(tmp_path, "unused", "name=n", "ckpt_path=auto")
    assert (folder / RESULT).is_file()
    assert not list(folder.rglob(f".*{io.DRAFT_SUFFIX}"))


def test_no_row_is_lost_between_a_checkpoint_and_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "whole")

    def crash(self: Any, checkpoint: Any, path: Any, storage_options: Any = None) -> None:
        save(self, checkpoint, path, storage_options)
        if Path(path).name == LAST and checkpoint["epoch"] == 2:
            raise RuntimeError("power cut")

    save = WholeCheckpoints.save_checkpoint
    with monkeypatch.context() as patch:
        patch.setattr(WholeCheckpoints, "save_checkpoint", crash)
        with pytest.raises(RuntimeError, match="power cut"):
            run(tmp_path, "crashed", "name=n")
    run(tmp_path, "unused", "name=n", "ckpt_path=auto")
    assert_same(tmp_path / "outputs" / "crashed", tmp_path / "outputs" / "whole")
