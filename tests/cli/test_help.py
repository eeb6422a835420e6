"""Asking costs nothing: no torch, no run folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ackd.config.groups import Groups
from tests.cli.running import run, train

HEAVY = ("torch", "lightning", "timm", "torchvision", "wandb", "rasterio", "scipy")
# Runs the module as -m does, and tells what it has imported.
LOOK = f"""
import runpy, sys
module = sys.argv[1]
sys.argv = sys.argv[1:]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit:
    pass
heavy = sorted(set({(*HEAVY, "pydantic")!r}) & set(sys.modules))
print("IMPORTED:", *heavy, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words",
    [
        ["ackd.train", "--help"],
        ["ackd.train", "--cfg", "job"],
        ["ackd.train", "--cfg", "job", "+experiment=s2s_eu_rr"],
        ["ackd.train", "loss.lamda1=0.3"],
        ["ackd.train", "+loss.lamda1=0.3"],
        ["ackd.demo", "--help"],
        ["ackd.demo", "bogus=1"],
    ],
    ids=" ".join,
)
def test_answers_come_without_torch(tmp_path: Path, words: list[str]) -> None:
    done = run("-c", LOOK, *words, cwd=tmp_path)
    # The schema alone may be asked: for a misspelling that Hydra cannot see, and whether an option
    # whose value Hydra could misread is a path.
    expected = "IMPORTED: pydantic" if words[-1].endswith(("=0.3", "=1")) else "IMPORTED:"
    assert done.err.rstrip().endswith(expected), done.err
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_help_names_every_group_and_tells_where_to_start(tmp_path: Path) -> None:
    done = train("--help", cwd=tmp_path)
    assert done.code == 0
    for group in Groups().choices():
        assert f"\n{group}: " in done.out
    for word in (
        "python -m ackd.train", "+experiment=s2s_eu_rr", "data.root=", "logger=wandb",
        "ckpt_path=auto", "force=[teacher]", "--cfg job", "lambda1: 0.4",
    ):  # fmt: skip
        assert word in done.out


def test_cfg_job_is_the_configuration(tmp_path: Path) -> None:
    done = train("--cfg", "job", "+experiment=s2s_eu_rr", "seed=7", cwd=tmp_path)
    assert done.code == 0
    cfg = OmegaConf.create(done.out)
    assert (cfg.name, cfg.seed, cfg.student.backbone.name) == ("s2s_eu_rr", 7, "resnet34")
