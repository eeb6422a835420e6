"""A command with an option that was removed is told so, or still does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd.config.messages import removed
from ackd.config.messages.removed import REMOVED, Removed, known_words
from ackd.errors import ConfigError
from tests.cli.running import forked
from tests.config.composing import checked, value, write

GONE = {
    "dynm.gone": Removed(("fresh",), "it was slow; leave it out"),
    "student.free": Removed(None, "nobody needs it"),
}


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removed, "REMOVED", GONE)
    removed._warn.cache_clear()


@pytest.mark.usefixtures("gone")
def test_what_changes_nothing_is_ignored_with_one_warning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [
        "-m",
        "dynm.gone=fresh",
        "seed=0,1",
        "+student.free=9",
        "~dynm.gone",
        "dynm.gone='fresh'",
    ]
    assert known_words(words) == ["-m", "seed=0,1"]
    assert capsys.readouterr().err.splitlines() == [
        "ackd: dynm.gone was removed and is ignored: it was slow; leave it out.",
        "ackd: student.free was removed and is ignored: nobody needs it.",
    ]
    assert known_words(["dynm.gone=fresh"]) == []
    assert capsys.readouterr().err == ""


def test_a_renamed_word_works_with_one_warning(capsys: pytest.CaptureFixture[str]) -> None:
    removed._warn.cache_clear()
    words = ["-m", "+architecture=rr,mm", "+experiment=s2s_eu"]
    assert known_words(words) == ["-m", "architecture=rr,mm", "+experiment=s2s_eu"]
    said = "ackd: +architecture= is written architecture= now: architecture=rr,mm"
    assert capsys.readouterr().err.splitlines() == [said]


@pytest.mark.usefixtures("gone")
@pytest.mark.parametrize("word", ["dynm.gone=past", "++dynm.gone=past", "dynm.gone=fresh,past"])
def test_what_meant_something_else_is_refused_with_the_reason(word: str) -> None:
    with pytest.raises(ConfigError, match=r"dynm\.gone=.*was removed: it was slow"):
        known_words(["seed=0", word])


@pytest.mark.usefixtures("gone")
def test_a_file_may_still_set_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = write(tmp_path, "experiment/old", "dynm: {gone: fresh}", "student: {free: 1}")
    assert checked("+experiment=old", extra=old).dynm.gamma == value("dynm.gamma")
    assert len(capsys.readouterr().err.splitlines()) == 2
    new = write(tmp_path / "other", "experiment/other", "dynm: {gone: past}")
    with pytest.raises(ConfigError, match=r"dynm\.gone=past: this option was removed"):
        checked("+experiment=other", extra=new)


def test_removed_options_are_not_options() -> None:
    for option in REMOVED:
        section, _, name = option.partition(".")
        assert name not in value(section), option


@pytest.mark.parametrize("module", ["ackd.train", "ackd.demo", "ackd.search"])
def test_every_command_says_so(module: str, tmp_path: Path) -> None:
    words = ["execution.freed_memory=return", "seed=none", "search.space={loss.lambda1: [0, 1]}"]
    done = forked("-m", module, *words[: 3 if module == "ackd.search" else 2], cwd=tmp_path)
    assert "execution.freed_memory was removed and is ignored" in done.err
    assert "seed" in done.last
