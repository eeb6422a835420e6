"""``make wandb-sync``: says what lies there, and sends whole runs, only when told to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wandb.proto import wandb_internal_pb2

from ackd.dashboard import find_runs, read_records, read_run, sync
from ackd.dashboard.__main__ import main
from ackd.dashboard.offline import BLOCK, FIRST, FULL, HEADER, IDENT, LAST, MAGIC, MIDDLE, PIECE
from ackd.errors import AckdError, DataError


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No account."""
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def packed(messages: Sequence[bytes]) -> bytes:
    """The file of these records, cut into blocks."""
    content = bytearray(HEADER.pack(IDENT, MAGIC, 0))
    for message in messages:
        rest, first = message, True
        while first or rest:
            left = BLOCK - len(content) % BLOCK
            if left < PIECE.size:
                content += bytes(left)
                left = BLOCK
            piece, rest = rest[: left - PIECE.size], rest[left - PIECE.size :]
            kind = (FULL if first else LAST) if not rest else (FIRST if first else MIDDLE)
            content += PIECE.pack(0, len(piece), kind) + piece
            first = False
    return bytes(content)


def record(**fields: object) -> bytes:
    return bytes(wandb_internal_pb2.Record(**fields).SerializeToString())


def write(outputs: Path, name: str, exit_code: int | None = 0, sent: bool = False) -> Path:
    """An offline run as wandb leaves it."""
    folder = outputs / "wandb" / f"offline-run-{name}"
    folder.mkdir(parents=True)
    run = wandb_internal_pb2.RunRecord(
        project="ackd", run_group="table7", job_type="student", display_name=name, tags=["kd"]
    )
    messages = [record(run=run)]
    if exit_code is not None:
        messages.append(record(exit=wandb_internal_pb2.RunExitRecord(exit_code=exit_code)))
    path = folder / f"run-{name}.wandb"
    path.write_bytes(packed(messages))
    if sent:
        path.with_name(path.name + ".synced").touch()
    return folder


@given(st.lists(st.integers(0, 3 * BLOCK), max_size=6), st.integers(0, 40))
@settings(max_examples=30, deadline=None)
def test_records_over_blocks_are_put_together(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], lost: int
) -> None:
    path = tmp_path_factory.mktemp("records") / "run.wandb"
    names = [chr(97 + i) * size for i, size in enumerate(sizes)]
    messages = [record(run=wandb_internal_pb2.RunRecord(display_name=name)) for name in names]
    path.write_bytes(packed(messages))
    assert [r.run.display_name for r in read_records(path)] == names
    # Killed while writing the last record: all before it are there.
    if messages and lost:
        path.write_bytes(path.read_bytes()[:-lost])
        found = [r.run.display_name for r in read_records(path)]
        assert found == names[: len(found)]
        assert len(found) < len(names)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.wandb"
    for content in (b"", b"PNG", b"something else altogether"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not a file of W&B"):
            list(read_records(path))
    path.write_bytes(packed([b"\xff\xff\xff"]))
    with pytest.raises(DataError, match="damaged"):
        list(read_records(path))
    path.write_bytes(packed([]))
    with pytest.raises(DataError, match="ends before"):
        read_run(tmp_path)
    with pytest.raises(DataError, match=r"no \.wandb file"):
        read_run(tmp_path / "nowhere")


def test_it_says_what_it_would_send(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "good")
    write(tmp_path, "bad", exit_code=1)
    write(tmp_path, "running", exit_code=None)
    write(tmp_path, "earlier", sent=True)
    (write(tmp_path, "torn") / "run-torn.wandb").write_bytes(b"")
    calls: list[Sequence[str]] = []
    assert sync(tmp_path, send=False, command=lambda c: calls.append(c) or 0) == 0
    said = capsys.readouterr().out
    assert "4 offline W&B runs" in said
    assert "1 sent before" in said
    assert "ackd/table7  student  good  finished" in said
    assert "bad  failed (1)" in said
    assert said.index("Not closed") < said.index("running  not closed")
    assert "earlier" not in said
    assert "torn" in said.split("Passed over")[1]
    assert "wandb login" in said
    assert "pictures of training images" in said
    assert not calls


def test_it_sends_run_by_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    folders = [write(tmp_path, "a"), write(tmp_path, "b", exit_code=1)]
    open_one = write(tmp_path, "c", exit_code=None)
    calls: list[Sequence[str]] = []
    assert sync(tmp_path, send=True, command=lambda c: calls.append(c) or 0) == 2
    assert [Path(call[-1]) for call in calls] == folders
    assert all(call[1:4] == ["-m", "wandb", "sync"] for call in calls)
    calls.clear()
    assert sync(tmp_path, send=True, unfinished=True, command=lambda c: calls.append(c) or 0) == 3
    assert Path(calls[-1][-1]) == open_one


def test_without_an_account_nothing_is_sent(tmp_path: Path) -> None:
    write(tmp_path, "a")
    with pytest.raises(AckdError, match="wandb login"):
        sync(tmp_path, send=True, command=lambda _: pytest.fail("it was sent"))


def test_a_run_that_stays_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    write(tmp_path, "a")
    second = write(tmp_path, "b")
    with pytest.raises(AckdError, match=f"1 of 2 runs could not be sent, the first is {second}"):
        sync(tmp_path, send=True, command=lambda c: int(c[-1] == str(second)))


def test_without_a_terminal_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    write(tmp_path, "a")
    assert sync(tmp_path, command=lambda _: pytest.fail("it was sent")) == 0
    assert "SYNC=--yes" in capsys.readouterr().out


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["sync", "--dry-run", str(tmp_path)])
    assert "There is nothing to send." in capsys.readouterr().out
    assert find_runs(tmp_path) == []
    with pytest.raises(SystemExit, match="There is no folder"):
        main(["sync", str(tmp_path / "nowhere")])
