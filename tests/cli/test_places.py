"""Where runs go: a folder for each job, and the places that a command means."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ackd.command import anchored
from ackd.config.location import config_dir, folder, note_new_folders, remove_new_folders
from ackd.config.schema import Config
from ackd.errors import ConfigError
from ackd.runs.folder import IDENTITY, RESULT
from ackd.train import check
from hydra_plugins.ackd_local_pool.guard import SweepGuard
from tests.cli.running import TINY, run_folders, train


def guarded(*words: str) -> None:
    """Let the guard look at a sweep, as Hydra does before the first job."""
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("train", list(words), run_mode=RunMode.MULTIRUN)
        SweepGuard().on_multirun_start(config)


def composed(*words: str) -> DictConfig:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("train", overrides=list(words), return_hydra_config=True)


@pytest.mark.parametrize(
    ("subdir", "shared"),
    [
        ("same", True),
        ("${method}", True),
        ("${hydra.job.num}", False),
        ("s${seed}", False),
        ("${hydra:job.num}", False),
        ("${hydra.job.override_dirname}", False),
    ],
)
def test_jobs_that_share_a_folder_are_refused(tmp_path: Path, subdir: str, shared: bool) -> None:
    words = ("seed=0,1", f"hydra.sweep.dir={tmp_path}/${{now:%f}}", f"hydra.sweep.subdir={subdir}")
    if not shared:
        guarded(*words)
        return
    with pytest.raises(SystemExit, match=r"Jobs 0 and 1 .* both work in .*hydra\.sweep\.subdir"):
        guarded(*words)


@pytest.mark.slow
def test_a_sweep_over_folders_with_runs_is_refused(tmp_path: Path) -> None:
    words = ("seed=0,1", f"hydra.sweep.dir={tmp_path}")
    guarded(*words)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / IDENTITY).write_text('{"options": {"student": {"max_epochs": 3}}}')
    (tmp_path / "1" / RESULT).write_text("{}")
    with pytest.raises(SystemExit, match=r"Job 1 of this sweep cannot start: .*a finished run"):
        guarded(*words)
    guarded(*words, "ckpt_path=auto")
    guarded(*words, "force=[teacher]")


def test_a_sweep_into_one_folder_starts_nothing(tmp_path: Path) -> None:
    done = train("-m", *TINY, "hydra.sweep.subdir=same", "seed=0,1", cwd=tmp_path)
    assert done.code == 1
    assert "Nothing was started" in done.last
    assert not list(tmp_path.rglob(IDENTITY))


@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_variable_is_one_that_is_not_set(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    for name in ("ACKD_OUTPUTS", "ACKD_ARTIFACTS", "ACKD_DATA"):
        monkeypatch.setenv(name, value)
    cfg = composed("data=s2s_eu")
    assert (cfg.outputs, cfg.artifacts, cfg.data.root) == ("outputs", "artifacts", "data")
    assert str(cfg.hydra.run.dir).startswith("outputs/")
    monkeypatch.setenv("ACKD_OUTPUTS", "/elsewhere")
    assert composed().outputs == "/elsewhere"


def test_a_place_without_a_name_is_refused_and_never_the_root() -> None:
    assert folder("") == "."
    cfg = composed("outputs=''")
    assert not str(cfg.hydra.run.dir).startswith("/")
    for option in ("outputs", "artifacts"):
        with pytest.raises(ConfigError, match=option):
            check(composed(f"{option}=''"))


def test_a_refused_run_takes_the_folders_with_it_that_were_made_for_it(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    for outputs, left in ((there / "outputs", there), (there, there)):
        run = outputs / "embedded" / "kd-s0" / "now"
        note_new_folders(run)
        run.mkdir(parents=True)
        remove_new_folders(run)
        assert list(tmp_path.rglob("*")) == [left]
    # What somebody has put there stays, and so does the way to it.
    note_new_folders(run)
    run.mkdir(parents=True)
    (run.parent / "other").touch()
    remove_new_folders(run)
    assert not run.exists()
    assert (run.parent / "other").exists()


def test_relative_places_stay_where_they_were_meant(tmp_path: Path) -> None:
    cfg = composed(
        "data=s2s_eu", "data.root=raw", "ckpt_path=auto", "artifacts=/shared/artifacts",
        "student.backbone.pretrained=weights.pt", "outputs='~/outputs'",
    )  # fmt: skip
    found = anchored(cfg, tmp_path)
    assert found.data.root == str(tmp_path / "raw")
    assert found.data.packs == str(tmp_path / str(cfg.data.packs)) or cfg.data.packs[0] == "/"
    assert found.student.backbone.pretrained == str(tmp_path / "weights.pt")
    assert (found.ckpt_path, found.artifacts, found.outputs) == (
        "auto", "/shared/artifacts", "~/outputs"
    )  # fmt: skip
    assert found.teacher.backbone.pretrained is False
    assert anchored(composed("ckpt_path=run"), tmp_path).ckpt_path == str(tmp_path / "run")
    assert cfg.data.root == "raw"


@pytest.mark.slow
def test_hydra_may_change_the_folder(tmp_path: Path) -> None:
    words = (*TINY, "method=kd", "matching=random", "dynm.enabled=false", "hydra.job.chdir=true")
    for seed in (0, 1):
        done = train(*words, f"seed={seed}", cwd=tmp_path, ACKD_OUTPUTS="", ACKD_ARTIFACTS="")
        assert done.code == 0, done.err
    assert len(run_folders(tmp_path)) == 2
    assert len(list((tmp_path / "artifacts" / "teacher").glob("*/stage.json"))) == 1
    assert {path.name for path in tmp_path.iterdir() if path.name[0] != "."} == {
        "artifacts", "outputs"
    }  # fmt: skip


@pytest.mark.parametrize("stage", Config.trained())
def test_a_file_of_weights_is_looked_for_where_the_command_was_given(
    stage: str, tmp_path: Path
) -> None:
    option = f"{stage}.backbone.pretrained"
    found = anchored(composed(f"{option}=weights.pt"), tmp_path)
    assert OmegaConf.select(found, option) == str(tmp_path / "weights.pt")
    switched = anchored(composed(f"{option}=true"), tmp_path)
    assert OmegaConf.select(switched, option) is True
