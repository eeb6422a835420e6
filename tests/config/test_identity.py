"""One place says which options make a run: whoever compares runs agrees with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd.config.schema.data import Mark
from ackd.config.schema.identity import (
    identity,
    is_silent,
    marked,
    planned_identity,
    shaping_options,
)
from ackd.report.settings import settings_of
from ackd.sweeps.jobs import make_job, sweep_name
from ackd.utils.values import leaves, under
from tests.stages import toy

FOLDERS = ("data=folders", "data.ms=A", "data.rgb=B", "data.bands=[B02]", "data.sensor=sentinel2")


def test_what_is_not_marked_identifies_a_run(tmp_path: Path) -> None:
    config = toy.config(tmp_path)
    named = set(leaves(identity(config)))
    absent = {stage.name for stage in config.PLAN} - {stage.name for stage in config.plan}
    for option in leaves(config.model_dump(mode="json")):
        if not option.startswith("trainer."):
            free = under(option, [*marked(Mark.FREE, Mark.IMAGES), *absent])
            assert (option in named) is not free, option


@pytest.mark.parametrize(
    ("word", "names_a_run", "names_a_sweep", "is_said", "shapes_numbers"),
    [
        ("outputs=elsewhere", False, False, False, False),
        ("data.packs=elsewhere", False, False, False, False),
        ("data.packed=false", False, False, False, False),
        ("loader.num_workers=3", False, False, False, False),
        ("ckpt_path=auto", False, False, False, False),
        ("+trainer.profiler=simple", False, True, False, False),
        # Other images are another run, but which ones there are is only known once they are read.
        ("data.ms=elsewhere", False, True, False, False),
        ("name=other", True, True, False, False),
        ("seed=3", True, True, True, False),
        ("trainer.devices=2", True, True, False, True),
        ("trainer.precision=bf16-mixed", True, True, True, True),
        ("data.normalise=image_max", True, True, True, True),
        ("student.optimizer.lr=0.5", True, True, True, True),
        ("loss.lambda1=0.11", True, True, True, True),
    ],
)
def test_all_who_compare_runs_agree(
    tmp_path: Path, word: str, names_a_run: bool, names_a_sweep: bool, is_said: bool,
    shapes_numbers: bool,
) -> None:  # fmt: skip
    before = toy.config(tmp_path, *FOLDERS)
    after = toy.config(tmp_path, *FOLDERS, word)
    assert (identity(before) != identity(after)) is names_a_run
    assert (sweep_name(FOLDERS, []) != sweep_name([*FOLDERS, word], [])) is names_a_sweep
    name = word.lstrip("+").partition("=")[0]
    assert is_silent(name) is not is_said
    one, other = (settings_of(c.model_dump(mode="json"), {}) for c in (before, after))
    assert (one != other) is shapes_numbers
    assert (shaping_options({name: 1}) == {name: 1}) is shapes_numbers


def test_jobs_with_other_images_are_other_jobs(tmp_path: Path) -> None:
    configs = [toy.config(tmp_path, *FOLDERS, f"data.ms={place}") for place in "AC"]
    assert identity(configs[0]) == identity(configs[1])
    assert planned_identity(configs[0]) != planned_identity(configs[1])
    jobs = [make_job(0, ["seed=0"], ["seed"], tmp_path, config) for config in configs]
    assert jobs[0].folder != jobs[1].folder
