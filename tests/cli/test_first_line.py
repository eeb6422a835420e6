"""The first line comes at once, and what needs no torch is checked before torch is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd.config.check import look_around
from ackd.errors import AckdError, ConfigError
from tests.cli.running import run
from tests.cli.test_help import LOOK
from tests.config.composing import checked

MISTAKES = [
    (["data=s2s_eu", "data.root=nowhere"], "nowhere"),
    (["ckpt_path=runs/gone/last.ckpt"], "ckpt_path=runs/gone/last.ckpt"),
    (["student.backbone.pretrained=gone.pt"], "student.backbone.pretrained=gone.pt"),
    (["+student.batchsize=3"], "student.batch_size"),
    (["loss.lambda1=2"], "loss.lambda2"),
]


@pytest.mark.parametrize(("words", "said"), MISTAKES, ids=[" ".join(m[0]) for m in MISTAKES])
def test_mistakes_are_found_before_torch(tmp_path: Path, words: list[str], said: str) -> None:
    done = run("-c", LOOK.replace("pass", "print(sys.exc_info()[1], file=sys.stderr)"),
               "ackd.train", *words, cwd=tmp_path)  # fmt: skip
    assert said in done.err
    imported = done.err.rstrip().rpartition("IMPORTED:")[2].split()
    assert not {"torch", "lightning", "timm"} & set(imported), imported
    # What is being done, on the stream of the run's log.
    first = done.out.splitlines()[0]
    assert first.startswith("ackd.train: method=sembridge, data=")
    assert "seed=0" in first
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_there_is_found(tmp_path: Path) -> None:
    run_folder = tmp_path / "a run (1)"
    (run_folder / "checkpoints").mkdir(parents=True)
    (run_folder / "checkpoints" / "last.ckpt").touch()
    (tmp_path / "weights.pt").touch()
    (tmp_path / "EuroSAT_MS" / "Forest").mkdir(parents=True)
    for word in (f"ckpt_path='{run_folder}'", f"ckpt_path='{run_folder}/checkpoints/last.ckpt'",
                 "ckpt_path=auto", "ckpt_path=null"):  # fmt: skip
        look_around(checked(word))
    look_around(checked("data=s2s_eu", f"data.root={tmp_path}"))


def test_the_nearest_name_beside_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "first_run" / "checkpoints").mkdir(parents=True)
    config = checked(f"ckpt_path={tmp_path}/frst_run/checkpoints/last.ckpt")
    with pytest.raises(ConfigError, match=r"has no 'frst_run'.*first_run'\?"):
        look_around(config)


def test_a_missing_folder_of_archives_says_where_they_are_published(tmp_path: Path) -> None:
    config = checked("data=s2s_eu", f"data.root={tmp_path}")
    with pytest.raises(AckdError, match=r"EuroSAT_MS.*Zenodo"):
        look_around(config)


def test_stages_that_do_not_run_need_no_weights() -> None:
    config = checked("method=baseline", "teacher.backbone.pretrained='gone.pt'")
    look_around(config)
