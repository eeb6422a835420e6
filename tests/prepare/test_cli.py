"""The command as a user starts it: another process, help without torch, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd.data import BENCHMARKS
from ackd.prepare.options import in_words_of_this_command
from tests.cli.running import run
from tests.prepare.running import Command


def test_as_a_subprocess(tmp_path: Path) -> None:
    done = run("-m", "ackd.prepare", "s2s_eu", "--out", "out", cwd=tmp_path)
    assert done.code == 1
    assert done.last.startswith("ackd: There is no folder data;")
    assert "--raw DIR" in done.last
    assert "Traceback" not in done.err
    assert not list(tmp_path.iterdir())


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys; from ackd.prepare.options import parser; import ackd.prepare.cli; "
        "parser().print_help(); assert not {'torch', 'rasterio'} & set(sys.modules)"
    )
    done = run("-c", script, cwd=tmp_path)
    assert done.code == 0, done.err
    for word in (*BENCHMARKS, "check", "unpack", "download", "exit code: 0 all is well"):
        assert word in done.out


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("s2s_ue",), "Did you mean 's2s_eu'?"),
        (("chekc", "x"), "Did you mean 'check'?"),
        (("s2s_eu", "--ot", "x", "--out", "y"), "Did you mean '--out'?"),
        (("s2s_eu", "--out", "y", "--twins", "splitt"), "Did you mean 'split'?"),
        (("s2s_eu", "--out", "y", "--size", "0"), "'0' is no whole number above 0"),
        (("s2s_eu", "--out", "y", "--split-seed", "x"), "'x' is no whole number from 0"),
        (("s2s_eu",), "--out"),
    ],
)
def test_mistakes(prepare: Command, words: tuple[str, ...], meant: str) -> None:
    prepare(*words).assert_sentence(2, meant)


def test_without_a_word_it_says_what_there_is(prepare: Command) -> None:
    said = prepare()
    assert said.code == 2
    assert "COMMAND" in said.out


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("Set data.root=DIR or ACKD_DATA=DIR.", "Set --raw DIR or ACKD_DATA=DIR."),
        ("leave x out of data.sources.", "leave x out of --sources."),
        ("give data.sources=[a,b], or", "give --sources a b, or"),
        ("data.missing_classes=drop", "--missing drop"),
        ("(data.packed=false)", "(data.packed=false)"),
    ],
)
def test_options_are_called_what_they_are_called_here(there: str, here: str) -> None:
    assert in_words_of_this_command(there) == here


def test_the_folder_of_the_archives_may_come_from_the_environment(
    tmp_path: Path, prepare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACKD_DATA", str(tmp_path / "archives"))
    prepare("s2s_eu", "--out", tmp_path).assert_sentence(1, str(tmp_path / "archives"))
