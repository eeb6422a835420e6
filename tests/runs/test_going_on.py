"""Which run is gone on with, how a run is trained longer, and one run for each folder."""

from __future__ import annotations

import json
import logging
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from ackd.errors import ConfigError
from ackd.modules import DistillModule
from ackd.runs.folder import RESULT, RunFolder
from tests.slow import slow
from tests.stages import toy
from tests.stages.toy import die_at, run, sigkill

BASE = ("method=baseline", "name=n")
# DynM at epochs 0, 2 and 4 of any length, and all else that a run has.
DYNM = ("name=n", "data.augment=true", "transport.every=3")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def killed(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, epoch: int, *overrides: str
) -> Path:
    with monkeypatch.context() as patch:
        die_at(patch, DistillModule, epoch, sigkill)
        assert toy.in_child(run, root, name, *overrides) == -signal.SIGKILL
    return root / "outputs" / name


def assert_same(ours: Path, whole: Path) -> None:
    """Weights, the state to go on from, every measured number."""
    a, b = (torch.load(f / "student.pt", weights_only=True)["state_dict"] for f in (ours, whole))
    assert all(torch.equal(a[key], b[key]) for key in b)
    a, b = (torch.load(f / "checkpoints" / "last.ckpt", weights_only=True) for f in (ours, whole))
    assert a["epoch"] == b["epoch"]
    assert all(torch.equal(a["state_dict"][key], b["state_dict"][key]) for key in b["state_dict"])
    one, other = (json.loads((f / RESULT).read_text()) for f in (ours, whole))
    assert one["student"] == other["student"]
    assert (ours / "predictions.csv").read_text() == (whole / "predictions.csv").read_text()
    assert (ours / "config.yaml").read_text() == (whole / "config.yaml").read_text().replace(
        str(whole), str(ours)
    )


# -- training longer ---------------------------------------------------------------------------


@pytest.mark.parametrize("state", [slow("finished"), "unfinished"])
@pytest.mark.parametrize("options", [slow(BASE), slow((*DYNM, "dynm.reference_epochs={}"))])
def test_a_run_that_is_trained_longer_is_one_of_that_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, options: tuple[str, ...],
    said: list[logging.LogRecord],
) -> None:  # fmt: skip
    short, long = (
        (*(word.format(length) for word in options), f"student.max_epochs={length}")
        for length in (5, 8)
    )
    if state == "finished":
        run(tmp_path, "ours", *short)
    else:
        killed(tmp_path, monkeypatch, "ours", 3, *short)
    ours = tmp_path / "outputs" / "ours"
    run(tmp_path, "whole", *long)
    run(tmp_path, "unused", *long, f"ckpt_path={ours}")
    assert not (tmp_path / "outputs" / "unused").exists()
    text = (ours / "config.yaml").read_text()
    (ours / "config.yaml").write_text(text.replace(f"ckpt_path: {ours}", "ckpt_path: null"))
    assert_same(ours, tmp_path / "outputs" / "whole")
    assert not [r for r in said if "from the start" in r.getMessage()]
    known = RunFolder.at(ours)
    assert known is not None
    assert known.finished


def test_a_schedule_that_depends_on_the_length_is_told(
    tmp_path: Path, said: list[logging.LogRecord]
) -> None:
    run(tmp_path, "ours", *DYNM)
    run(tmp_path, "unused", *DYNM, "student.max_epochs=10", f"ckpt_path={tmp_path}/outputs/ours")
    (line,) = [r.getMessage() for r in said if "from the start" in r.getMessage()]
    assert "DynM matched at epochs [0, 2, 4], where a run of 10 matches at [0, 4, 8]" in line
    assert "dynm.reference_epochs=10 keeps" in line


def test_the_old_result_stays_until_the_longer_run_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "ours", *BASE)
    ours = tmp_path / "outputs" / "ours"
    names = (RESULT, "student.pt", "predictions.csv", "config.yaml")
    before = {name: (ours / name).read_bytes() for name in names}
    long = (*BASE, "student.max_epochs=8")
    killed(tmp_path, monkeypatch, "unused", 6, *long, f"ckpt_path={ours}")
    assert {name: (ours / name).read_bytes() for name in names} == before
    # It is an unfinished run of 8 epochs now, which the same command goes on with.
    run(tmp_path, "unused", *long, "ckpt_path=auto")
    assert not (tmp_path / "outputs" / "unused").exists()
    run(tmp_path, "whole", *long)
    text = (ours / "config.yaml").read_text()
    (ours / "config.yaml").write_text(text.replace("ckpt_path: auto", "ckpt_path: null"))
    assert_same(ours, tmp_path / "outputs" / "whole")


def test_fewer_epochs_than_are_done_are_refused(tmp_path: Path) -> None:
    run(tmp_path, "ours", *BASE)
    ours = tmp_path / "outputs" / "ours"
    with pytest.raises(ConfigError, match=r"for 5 epochs; student\.max_epochs=4 is not more"):
        run(tmp_path, "x", *BASE, "student.max_epochs=4", f"ckpt_path={ours}")
    for path in (ours / "checkpoints").iterdir():
        path.unlink()
    with pytest.raises(ConfigError, match="has no checkpoint"):
        run(tmp_path, "x", *BASE, "student.max_epochs=9", f"ckpt_path={ours}")
    assert (ours / RESULT).is_file()


# -- what ckpt_path names ----------------------------------------------------------------------


@pytest.mark.parametrize("named", ["", slow("checkpoints"), "checkpoints/last.ckpt"])
def test_a_run_is_named_by_its_folder_or_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    ours = killed(tmp_path, monkeypatch, "ours", 3, *BASE)
    run(tmp_path, "unused", *BASE, f"ckpt_path={ours / named}")
    assert (ours / RESULT).is_file()


def test_what_is_not_to_go_on_from_says_why(tmp_path: Path) -> None:
    run(tmp_path, "ours", *BASE)
    ours = tmp_path / "outputs" / "ours"
    for name, words in (
        ("checkpoints/best.ckpt", rf"holds the best epoch so far.*ckpt_path={ours}"),
        ("student.pt", "is not the folder of a run"),
        ("chekpoints", "does not exist.*Did you mean .*checkpoints"),
        ("../nothing", "does not exist.*ckpt_path=auto finds"),
        ("", rf"has finished.*ckpt_path={ours} student\.max_epochs=N with N > 5"),
    ):
        with pytest.raises(ConfigError, match=words):
            run(tmp_path, "second", *BASE, f"ckpt_path={ours / name}")
    (ours / "run.json").write_text("{")
    with pytest.raises(ConfigError, match=r"run\.json is damaged"):
        run(tmp_path, "second", *BASE, f"ckpt_path={ours}")
    assert not (tmp_path / "outputs" / "second").exists()


def test_a_wrong_checkpoint_is_found_before_images_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwanted(*_: object) -> None:
        raise AssertionError("images were read")

    monkeypatch.setattr("ackd.stages.context.build_benchmark", unwanted)
    with pytest.raises(ConfigError, match="does not exist"):
        run(tmp_path, "run", f"ckpt_path={tmp_path}/nothing.ckpt")


# -- ckpt_path=auto ----------------------------------------------------------------------------


def auto(root: Path, said: list[logging.LogRecord], *overrides: str) -> str:
    """What a run says that finds nothing to go on with."""
    said.clear()
    run(root, f"auto{len(list((root / 'outputs').iterdir()))}", *overrides, "ckpt_path=auto")
    lines = [r.getMessage() for r in said if "starting from the beginning" in r.getMessage()]
    return lines[0] if lines else ""


def test_auto_says_why_it_starts_from_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[logging.LogRecord]
) -> None:
    one = (*BASE, "student.max_epochs=2")
    ours = killed(tmp_path, monkeypatch, "ours", 1, *one)
    longer = auto(tmp_path, said, *BASE, "student.max_epochs=1")
    assert f"The nearest one, {ours}, is unfinished" in longer
    assert "student.max_epochs was 2, now 1" in longer
    other = auto(tmp_path, said, *one, "seed=4")
    assert f"{ours}, is unfinished and has other options: seed was 0, now 4." in other
    assert "goes on with it" not in other
    assert auto(tmp_path, said, *one) == ""  # that one goes on
    finished = auto(tmp_path, said, *one)
    assert f"{ours} has finished with them" in finished
    assert f"ckpt_path={ours} student.max_epochs=N with N > 2" in finished
    far = auto(
        tmp_path, said, *one, "seed=5", "student.batch_size=9", "student.optimizer.lr=0.5",
        "data.augment=true", "execution.memory_format=contiguous", "recipe=official",
    )  # fmt: skip
    assert "No other run there differs in only a few options" in far


def test_a_wrong_ckpt_path_is_refused_before_images_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "first", *BASE)
    first = f"ckpt_path={tmp_path}/outputs/first"
    unfinished = f"ckpt_path={killed(tmp_path, monkeypatch, 'other', 2, *BASE, 'seed=7')}"

    def read(*_: Any) -> None:
        raise AssertionError("images were read")

    monkeypatch.setattr("ackd.stages.context.build_benchmark", read)
    for words, match in (
        ((first,), "has finished.*To train it longer give"),
        ((first, "student.max_epochs=3"), "has trained its student for 5 epochs"),
        (
            (first, "seed=1", "data.augment=true", "student.max_epochs=9"),
            r"data\.augment was False, now True; seed was 0, now 1; student\.max_epochs was 5, now "
            r"9\. Give the same options to go on: data\.augment=false seed=0 \(",
        ),
        ((unfinished, "seed=7", "student.optimizer.lr=0.5"), "student.optimizer.lr was 0.01"),
    ):
        with pytest.raises(ConfigError, match=match):
            run(tmp_path, "again", *BASE, *words)
    # What may still fit the images is left to them.
    for words in ((unfinished, "seed=7"), (first, "student.max_epochs=6")):
        with pytest.raises(AssertionError, match="images were read"):
            run(tmp_path, "again", *BASE, *words)


def test_a_run_that_ended_before_its_student_has_no_student_to_train_longer(
    tmp_path: Path,
) -> None:
    run(tmp_path, "fixed", "name=n", "until=teacher")
    with pytest.raises(ConfigError, match="a finished run") as caught:
        run(tmp_path, "fixed", "name=n", "until=teacher")
    assert "student.max_epochs" not in str(caught.value)
    assert "It ended with its teacher (until=teacher)" in str(caught.value)
    assert "teacher.max_epochs=N" in str(caught.value)


# -- one run for each folder -------------------------------------------------------------------


def test_a_folder_that_has_a_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "fixed", *BASE)
    fixed = tmp_path / "outputs" / "fixed"
    before = {path: path.read_bytes() for path in fixed.rglob("*") if path.is_file()}
    ways = r"hydra\.run\.dir.*To train it longer give ckpt_path=.*artifacts"
    for words, match in (
        ((), ways),
        (("seed=1",), "a finished run"),
        (("ckpt_path=auto",), ways),
        (("ckpt_path=auto", "seed=1"), "seed was 0, now 1"),
        (("ckpt_path=auto", "until=teacher"), "until was student, now teacher"),
    ):
        with pytest.raises(ConfigError, match=match):
            run(tmp_path, "fixed", *BASE, *words)
    after = {path: path.read_bytes() for path in fixed.rglob("*") if path.is_file()}
    after.pop(fixed / "train.log"), before.pop(fixed / "train.log")
    assert after == before
    unfinished = killed(tmp_path, monkeypatch, "other", 2, *BASE)
    with pytest.raises(ConfigError, match=r"an unfinished run.*go on with it: ckpt_path=auto"):
        run(tmp_path, "other", *BASE)
    run(tmp_path, "other", *BASE, "ckpt_path=auto")
    assert_same(unfinished, _without_path(tmp_path / "outputs" / "fixed", unfinished))


def _without_path(whole: Path, ours: Path) -> Path:
    text = (ours / "config.yaml").read_text()
    (ours / "config.yaml").write_text(text.replace("ckpt_path: auto", "ckpt_path: null"))
    return whole


def test_a_stage_that_is_forced_runs_again_in_its_folder(tmp_path: Path) -> None:
    words = ("method=kd", "matching=random", "dynm.enabled=false", "name=n")
    first = run(tmp_path, "fixed", *words)
    again = run(tmp_path, "fixed", *words, "force=[teacher]")
    assert again["student"]["metrics"] == first["student"]["metrics"]
    assert "teacher" not in again["reused"]
    with pytest.raises(ConfigError, match="already holds a finished run with other options"):
        run(tmp_path, "fixed", *words, "force=[teacher]", "seed=1")
