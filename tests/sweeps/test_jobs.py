"""Which run a job is, where it works, and how it is started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd.config.schema import Config
from ackd.errors import ConfigError
from ackd.sweeps.environment import as_in_a_job
from ackd.sweeps.jobs import Job, devices_of, make_job, sweep_name
from ackd.sweeps.run import distinct
from ackd.sweeps.slots import Slots
from tests.config.composing import checked

WORDS = ["+experiment=s2s_eu_tiny", "loss.lambda1=0.2,0.4", "seed=0,1", "student.max_epochs=3"]
SWEPT = ["loss.lambda1", "seed"]


@given(st.permutations(WORDS))
def test_the_order_of_words_names_no_other_sweep(words: list[str]) -> None:
    assert sweep_name(words, SWEPT) == sweep_name(WORDS, SWEPT)


def test_a_sweep_is_named_by_what_varies_and_what_is_kept() -> None:
    name = sweep_name(WORDS, SWEPT)
    assert name.startswith("lambda1-seed-")
    more = [*WORDS[:1], "loss.lambda1=0.2,0.4,0.6", *WORDS[2:]]
    assert sweep_name(more, SWEPT) == name, "more values join the sweep"
    elsewhere = ["outputs=/else", "logger=wandb", "hydra.launcher.slots=3", "force=[teacher]"]
    assert sweep_name([*WORDS, *elsewhere], SWEPT) == name
    assert sweep_name([*WORDS[:3], "student.max_epochs=4"], SWEPT) != name
    assert sweep_name([*WORDS, "forced=1"], SWEPT) != name


def job(root: Path, *words: str, swept: tuple[str, ...] = ("seed",)) -> Job:
    return make_job(0, words, swept, root, checked(*words))


def test_a_folder_belongs_to_one_set_of_options(tmp_path: Path) -> None:
    one = job(tmp_path, "seed=1", "student.max_epochs=3")
    assert one.label == "seed=1"
    assert one.folder.name.startswith("seed=1-")
    assert job(tmp_path, "seed=1", "student.max_epochs=4").folder != one.folder
    same = job(tmp_path, "seed=1", "student.max_epochs=3", "outputs=/else", "logger=tensorboard")
    assert same.folder == one.folder
    assert distinct([one, same, job(tmp_path, "seed=2")]) == [one, job(tmp_path, "seed=2")]


def test_a_job_goes_on_from_what_it_left(tmp_path: Path) -> None:
    one = job(tmp_path, "seed=1")
    assert "ckpt_path=auto" not in one.command()
    assert one.command()[-1] == f"hydra.run.dir='{one.folder}'"
    one.folder.mkdir()
    (one.folder / "run.json").write_text("{}")
    assert "ckpt_path=auto" in one.command()
    assert "ckpt_path=auto" not in job(tmp_path, "seed=1", "ckpt_path=null").command()
    (one.folder / "result.json").write_text("{}")
    assert one.finished
    assert not job(tmp_path, "seed=1", "force=[teacher]").finished


def test_long_labels_and_odd_characters_make_folders(tmp_path: Path) -> None:
    words = ("data.bands=[B02, B03, B04, B05, B06, B07, B08, B8A, B11, B12]", "name=a/b:'c'" * 9)
    made = make_job(0, words, ("data.bands", "name"), tmp_path, checked())
    made.folder.mkdir()
    assert made.folder.parent == tmp_path


def wanting(devices: object) -> Config:
    # Lightning itself refuses some of these where there is no GPU.
    config = checked()
    return config.model_copy(update={"trainer": {**config.trainer, "devices": devices}})


@pytest.mark.parametrize("value", [[0, 1], -1, "-1", "0,1"])
def test_devices_are_counted_not_named(value: object) -> None:
    with pytest.raises(ConfigError, match=r"trainer\.devices=.* how many"):
        devices_of(wanting(value))


def test_how_many_devices() -> None:
    assert devices_of(wanting(2)) == devices_of(wanting("2")) == 2
    assert devices_of(wanting("auto")) == 1
    assert devices_of(checked()) == 1


def test_a_place_is_given_once_at_a_time() -> None:
    slots = Slots(["0", "0", "1"], places=1)
    both = slots.take(2, on_cpu=False)
    assert both is not None
    assert set(both.devices) == {"0", "1"}
    second = slots.take(1, on_cpu=False)
    assert second is not None
    assert second.devices == ("0",), "named twice, it takes two jobs"
    assert slots.take(1, on_cpu=False) is None
    cpu = slots.take(1, on_cpu=True)
    assert cpu is not None
    assert cpu.variables["CUDA_VISIBLE_DEVICES"] == ""
    slots.give_back(both)
    assert slots.take(2, on_cpu=False) is not None
    assert not slots.fits(3, on_cpu=False)
    assert slots.fits(3, on_cpu=True)


def test_threads_of_a_place_are_shared_by_its_ranks() -> None:
    slot = Slots((), places=1, threads=6).take(2, on_cpu=True)
    assert slot is not None
    assert slot.variables["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize(
    "left_over",
    [
        {"LOCAL_RANK": "1", "WORLD_SIZE": "4"},
        {"SLURM_NTASKS": "4", "SLURM_PROCID": "1"},
        {"RANK": "1", "WORLD_SIZE": "4", "TORCHELASTIC_RUN_ID": "x", "GROUP_RANK": "0"},
    ],
)
def test_a_job_is_checked_in_the_environment_that_it_will_have(
    monkeypatch: pytest.MonkeyPatch, left_over: dict[str, str]
) -> None:
    """A variable that no job inherits refuses none, and is there again afterwards."""
    for name, value in left_over.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    words = ("trainer.accelerator=cpu", "trainer.devices=2")
    with pytest.raises(ConfigError, match=r"trainer\.devices=2"):
        checked(*words)
    with as_in_a_job():
        assert checked(*words).trainer["devices"] == 2
    with pytest.raises(ConfigError), as_in_a_job():
        checked(*words, "trainer.devices=-5")
    # Lightning and torch may set variables of their own while the options are checked.
    assert {name: os.environ.get(name) for name in before} == before
