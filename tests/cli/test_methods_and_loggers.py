"""What a method trains, where ``until`` stops, and what the loggers leave behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ackd.train import train
from tests.cli.running import TINY
from tests.config.composing import checked, compose_config

QUICK = (
    "data.classes=2", "data.ms_per_class=15", "data.rgb_per_class=20", "data.size=24",
    "data.ms_test_per_class=0", "data.rgb_test_per_class=0",
)  # fmt: skip


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No account, and a folder that is not the checkout."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_DIR", "LOCAL_RANK", "ACKD_RUN_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)


def finished(folder: Path, *overrides: str) -> dict[str, Any]:
    return train(compose_config(*TINY, *QUICK, *overrides), folder)


def trained(folder: Path) -> set[str]:
    """Stages with artifacts; scenes are packed by whichever test of a process draws them first."""
    return {path.name for path in folder.glob("artifacts/*")} - {"packed"}


def test_baseline_needs_no_teacher(tmp_path: Path) -> None:
    result = finished(tmp_path / "run", "method=baseline", "loss.lambda1=0.4")
    assert result["teacher"] is None
    assert result["kd"] == []
    assert result["student"]["metrics"]["oa"] is not None
    assert result["seconds"]["distill"] > 0
    for stage in ("teacher", "matcher", "galleries", "dynm", "planner"):
        assert result["seconds"][stage] == 0
    assert trained(tmp_path) == set()


def test_kd_needs_no_matcher(tmp_path: Path) -> None:
    result = finished(tmp_path / "run", "method=kd")
    assert result["teacher"] is not None
    assert result["kd"] == ["vanilla"]
    assert trained(tmp_path) == {"teacher", "store"}


def test_until_teacher_ends_with_the_teacher(tmp_path: Path) -> None:
    result = finished(tmp_path / "run", "until=teacher", "logger=tensorboard")
    assert result["student"] is None
    assert result["teacher"]["metrics"]["oa"] is not None
    assert trained(tmp_path) == {"teacher"}
    assert list((tmp_path / "artifacts").rglob("events.out.tfevents.*"))
    assert list((tmp_path / "artifacts").rglob("metrics.csv"))


def test_until_teacher_trains_one_for_the_baseline_too(tmp_path: Path) -> None:
    result = finished(tmp_path / "run", "until=teacher", "method=baseline")
    assert result["teacher"] is not None


def test_wandb_without_an_account_is_offline_and_closed(tmp_path: Path) -> None:
    import wandb

    folder = tmp_path / "run"
    finished(folder, "method=baseline", "logger=wandb", f"outputs={tmp_path}")
    assert wandb.run is None
    runs = list(tmp_path.rglob("wandb/offline-run-*"))
    assert len(runs) == 1
    assert list(runs[0].glob("run-*.wandb"))
    assert (folder / "metrics.csv").is_file()


def test_wandb_is_closed_after_an_error_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wandb

    opened: list[object] = []

    def fail(*_: object, loggers: list[Any], **__: object) -> None:
        opened.extend(logger.experiment for logger in loggers)
        assert wandb.run is not None
        raise RuntimeError("in the middle of training")

    monkeypatch.setattr("ackd.stages.training.fit", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        finished(tmp_path / "run", "method=baseline", "logger=wandb", f"outputs={tmp_path}")
    assert opened
    assert wandb.run is None


def test_wandb_online_only_with_an_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ackd.tracking.wandb_run import has_account

    assert not has_account()
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert has_account()
    monkeypatch.delenv("WANDB_API_KEY")
    (tmp_path / ".netrc").write_text("machine some.wandb.server login user password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert has_account()


def test_a_config_that_was_checked_is_what_runs(tmp_path: Path) -> None:
    cfg = compose_config(*TINY, *QUICK, "method=baseline", "student.backbone.name=resnet999")
    with pytest.raises(ValueError, match="resnet999"):
        train(cfg, tmp_path / "run")
    # Found before a run folder is made.
    assert not (tmp_path / "run").exists()


def test_a_checked_configuration_cannot_be_changed() -> None:
    config = checked("method=baseline")
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 3  # type: ignore[misc]
    assert config.seed == 0
