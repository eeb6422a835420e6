"""Locks: one holder, who waits says so, and who dies sets free."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

import pytest

from ackd.errors import ConfigError
from ackd.utils import locks
from tests.stages.toy import FORK, in_child


def hold(path: Path, ready: Path, die: bool) -> None:
    with locks.locked(path, "nobody"):
        ready.touch()
        while ready.exists():
            time.sleep(0.01)
        if die:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("die", [False, True])
def test_who_waits_says_so_and_gets_the_lock_from_the_living_and_the_dead(
    tmp_path: Path, die: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path, ready = tmp_path / "lock", tmp_path / "ready"
    holder = FORK.Process(target=hold, args=(path, ready, die))
    holder.start()
    while not ready.exists():
        time.sleep(0.01)
    monkeypatch.setattr(locks, "SIGN_OF_LIFE_SECONDS", 0.02)
    monkeypatch.setattr(locks, "BEATS_PER_LINE", 2)
    monkeypatch.setattr(logging.getLogger("ackd"), "propagate", True)
    beats: list[int] = []

    def beat() -> None:
        beats.append(1)
        if len(beats) == 3:
            ready.unlink()

    with caplog.at_level("INFO", "ackd"), locks.locked(path, "the other one", beat):
        holder.join(30)
    assert len(beats) >= 3
    assert caplog.messages[0] == "waiting for the other one"
    assert "still waiting for the other one (0 minutes)" in caplog.messages


def test_a_lock_that_is_held_refuses_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "run" / ".running"

    def intrude() -> None:
        assert not locks.is_free(path)
        with pytest.raises(ConfigError, match="busy"), locks.held(path, ConfigError("busy")):
            pass

    with locks.held(path, ConfigError("busy")):
        assert in_child(intrude) == 0
        assert path.exists()
    assert list(path.parent.iterdir()) == []
    assert locks.is_free(path)


def share(path: Path, ready: Path) -> None:
    with locks.shared(path):
        ready.touch()
        signal.pause()


def test_nobody_is_alone_with_what_is_shared_until_its_user_dies(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not locks.is_shared(path)
    users = [FORK.Process(target=share, args=(path, tmp_path / f"{i}")) for i in range(2)]
    for i, user in enumerate(users):
        user.start()
        while not (tmp_path / f"{i}").exists():
            time.sleep(0.01)
    for user in users:
        assert locks.is_shared(path)
        with locks.alone(path) as unused:
            assert not unused
        assert path.exists()
        assert user.pid is not None
        os.kill(user.pid, signal.SIGKILL)
        user.join()
    assert not locks.is_shared(path)
    assert path.exists(), "asking changes nothing"
    with locks.alone(path) as unused:
        assert unused
    assert not path.exists()


def test_who_waited_for_a_lock_that_was_removed_holds_the_new_one(tmp_path: Path) -> None:
    """Otherwise it would share a file that nobody can see any more."""
    path, ready = tmp_path / "lock", tmp_path / "ready"
    user = FORK.Process(target=share, args=(path, ready))
    with locks.alone(path) as unused:
        assert unused
        user.start()
    while not ready.exists():
        time.sleep(0.01)
    with locks.alone(path) as unused:
        assert not unused
    user.kill()
    user.join()


def test_a_place_that_cannot_be_written_is_used_without_a_lock(tmp_path: Path) -> None:
    with locks.shared(tmp_path / "nowhere" / "lock"):
        pass


def test_the_file_of_a_holder_that_was_killed_goes(tmp_path: Path) -> None:
    path = tmp_path / ".running"
    path.touch()
    assert locks.is_free(path)
    assert not path.exists()
