"""The last word of a failing command is a sentence, and its exit code is not 0."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import Done, forked, train


def assert_sentence(done: Done, *words: str) -> None:
    assert done.code == 1
    assert done.last.startswith("ackd: "), done.err
    for word in words:
        assert word in done.last
    assert "Traceback" not in done.err
    assert "HYDRA_FULL_ERROR" not in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["loss.lamda1=0.3"], ["'loss.lamda1'", "'loss.lambda1'"]),
        (["+loss.lamda1=0.3"], ["'loss.lamda1'", "'loss.lambda1'"]),
        (["method=sembrige"], ["'sembrige'", "method=sembridge"]),
        (["loss.lambda1=["], ["'loss.lambda1=['", "key=value"]),
        (["loss.lambda1=abc"], ["loss.lambda1='abc'", "number"]),
        (["trainer=3"], ["'3'", "trainer"]),
        (["name=${nope}"], ["nope"]),
        (["--config-dir", "nowhere"], ["nowhere"]),
        (["-m", "seed=0,1", "loss.lamda1=0.3"], ["'loss.lamda1'", "'loss.lambda1'"]),
        (["-m", "hydra/launcher=local_pol"], ["hydra/launcher=local_pool"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_mistakes(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    assert_sentence(train(*arguments, cwd=tmp_path), *words)


def test_a_mistake_leaves_no_run_folder_behind(tmp_path: Path) -> None:
    assert_sentence(train("loss.lambda1=abc", cwd=tmp_path))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not list(tmp_path.glob("outputs/*/*/*"))


def test_broken_and_misspelt_files(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "broken.yaml").write_text("# @package _global_\nloss: {lambda1: 0.3\n")
    (folder / "typo.yaml").write_text("# @package _global_\nloss: {lamda1: 0.3}\n")
    (folder / "group.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /method: sembrige\n"
    )

    def done(name: str) -> Done:
        return train(f"+experiment={name}", "--config-dir", "mine", cwd=tmp_path)

    assert_sentence(done("broken"), "broken.yaml", "line 2")
    assert_sentence(done("typo"), "'loss.lamda1'", "'loss.lambda1'")
    assert_sentence(done("group"), "method/sembrige", "method=sembridge")


def test_an_outputs_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    done = train("outputs=taken", cwd=tmp_path)
    assert done.code == 1
    assert done.last.startswith("ackd: ")
    assert "taken" in done.last
    assert "outputs=DIR" in done.last


def test_unforeseen_errors_keep_their_trace_and_end_in_a_sentence(tmp_path: Path) -> None:
    program = (
        "from ackd.config.messages.cli_errors import friendly_errors\n"
        "with friendly_errors([]):\n    {}['gone']\n"
    )
    done = forked("-c", program, cwd=tmp_path)
    assert done.code == 1
    assert "Traceback" in done.err
    assert done.last.startswith("ackd: stopped by an error that it did not foresee, KeyError")
    asked = forked("-c", program, cwd=tmp_path, HYDRA_FULL_ERROR="1")
    assert asked.code == 1
    assert asked.last == "KeyError: 'gone'"


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("bogus=1", ["'bogus'"]),
        ("studnt.max_epochs=1", ["'studnt.max_epochs'", "'student.max_epochs'"]),
        ("x=[", ["'x=['"]),
        ("method=kd", ["method=kd", "ackd.train"]),
        ("until=teacher", ["until=teacher", "ackd.train"]),
    ],
)
def test_the_demo_as_well(tmp_path: Path, argument: str, words: list[str]) -> None:
    assert_sentence(forked("-m", "ackd.demo", argument, cwd=tmp_path), *words)
    assert not list(tmp_path.iterdir())


def test_several_devices_in_a_sweep_are_refused(tmp_path: Path) -> None:
    done = train("-m", "seed=0,1", "trainer.devices=2", cwd=tmp_path)
    assert done.code == 1
    assert "trainer.devices=2" in done.last
    assert "hydra/launcher=local_pool" in done.last  # the command that works
    assert "job 0" not in done.err
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.slow
def test_an_unforeseen_error_of_one_job_leaves_the_others_of_a_sweep_right(tmp_path: Path) -> None:
    program = (
        "import sys, ackd.command, ackd.train\n"
        "def train(cfg, folder):\n"
        "    if cfg.seed == 0: raise KeyError('gone')\n"
        "    print('RAN', cfg.seed)\n"
        "    return {'student': None, 'teacher': None}\n"
        "ackd.command.train = train\n"
        "sys.argv = ['train', '-m', 'seed=0,1,2']\n"
        "ackd.train.cli()\n"
    )
    done = forked("-c", program, cwd=tmp_path)
    assert done.code == 1
    assert [line for line in done.out.splitlines() if "RAN" in line] == ["RAN 1", "RAN 2"]
    assert "Traceback" in done.err
    assert done.err.rstrip().endswith("1 of the jobs failed:\njob 0 (seed=0): KeyError: 'gone'")
