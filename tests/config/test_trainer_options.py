"""Arguments of Lightning's Trainer: they serve a run, or a sentence says what does."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest
import torch
from lightning.pytorch import Trainer

from ackd.config.launch.trainer import BY_LIGHTNING, FILLED, RULES, check_trainer, processes
from ackd.errors import ConfigError

REFUSED = [
    # Fewer images than the number says.
    ("limit_test_batches", 1, "test images would be reported as those of all"),
    ("limit_test_batches", 0.5, "test images"),
    ("limit_test_batches", 0, "test images"),
    ("limit_val_batches", 0, "all validation images"),
    ("limit_val_batches", 2, "all validation images"),
    ("limit_predict_batches", 1, "nothing is predicted"),
    ("overfit_batches", 1, r"\+trainer\.limit_train_batches=N"),
    ("overfit_batches", 0.1, "training images"),
    ("limit_train_batches", 0, "from 1 on"),
    ("limit_train_batches", 0.0, "above 0"),
    ("limit_train_batches", 1.5, r"up to 1\.0"),
    ("limit_train_batches", True, "from 1 on"),
    # An end in the middle.
    ("max_time", "00:00:10:00", "ckpt_path=auto"),
    ("max_time", {"hours": 1}, "ckpt_path=auto"),
    ("max_steps", 3, r"student\.max_epochs"),
    ("max_steps", 0, r"student\.max_epochs"),
    ("min_steps", 3, r"student\.max_epochs"),
    ("min_epochs", 10, r"student\.max_epochs"),
    ("max_epochs", 3, r"student\.max_epochs"),
    ("fast_dev_run", True, r"teacher\.max_epochs=1"),
    ("barebones", True, "by ackd itself"),
    # Another moment of validation.
    ("check_val_every_n_epoch", 2, "all validation images"),
    ("check_val_every_n_epoch", None, "all validation images"),
    ("val_check_interval", 0.5, "at its end"),
    ("val_check_interval", 10, "at its end"),
    # Another precision or way of working together.
    ("precision", "64-true", "use 32-true, bf16-mixed or 16-mixed"),
    ("precision", 64, "32-true"),
    ("precision", "bf16-true", "bf16-mixed"),
    ("precision", "16-true", "16-mixed"),
    ("precision", "transformer-engine", "bf16-mixed"),
    ("precision", "16-mixed", r"needs a GPU.*bf16-mixed"),
    ("precision", 16, r"needs a GPU.*bf16-mixed"),
    ("precision", "bf16-mixd", r"Did you mean trainer\.precision=bf16-mixed\?"),
    ("strategy", "ddp_spawn", "use auto or ddp"),
    ("strategy", "ddp_notebook", "use auto or ddp"),
    ("strategy", "ddp_fork", "use auto or ddp"),
    ("strategy", "fsdp", "use auto or ddp"),
    ("strategy", "deepspeed_stage_2", "use auto or ddp"),
    ("strategy", "dpp", r"Did you mean trainer\.strategy=ddp\?"),
    # No such value.
    ("accumulate_grad_batches", 0, "from 1 on"),
    ("accumulate_grad_batches", 1.5, "from 1 on"),
    ("gradient_clip_val", -1, "above 0"),
    ("gradient_clip_val", 0, "above 0"),
    ("gradient_clip_algorithm", "nrom", r"Did you mean trainer\.gradient_clip_algorithm=norm\?"),
    ("deterministic", "wran", r"Did you mean trainer\.deterministic=warn\?"),
    ("benchmark", "yes", "true, false"),
    ("inference_mode", "no", "true or false"),
    ("detect_anomaly", 3, "true or false"),
    ("sync_batchnorm", "yes", "true or false"),
    ("enable_progress_bar", "yes", "true or false"),
    ("num_sanity_val_steps", -2, "-1 for all"),
    ("log_every_n_steps", -2, "number of steps"),
    ("reload_dataloaders_every_n_epochs", -1, "from 0 on"),
    ("profiler", "simpel", r"Did you mean trainer\.profiler=simple\?"),
    ("plugins", ["a"], r"trainer\.precision"),
    ("model_registry", "x", "by ackd itself"),
    # Devices that are not there.
    ("devices", 0, r"trainer\.devices=0 is not valid: expected a number of processes"),
    ("devices", -1, "number of processes"),
    ("devices", 1.5, r"devices=1\.5"),
    ("devices", "abc", "devices=abc"),
    ("devices", [3], r"devices=\[3\]"),
    ("devices", 100_000, "100000 processes, but this machine has"),
    ("num_nodes", 0, r"trainer\.num_nodes=0"),
    ("num_nodes", "two", r"trainer\.num_nodes=two"),
    ("num_nodes", 2, "MASTER_ADDR, MASTER_PORT, NODE_RANK are not set"),
    ("accelerator", "tpu", r"trainer\.accelerator=tpu, but .* has .*cpu"),
    ("accelerator", "cpuu", r"trainer\.accelerator=cpuu"),
    ("accelerator", None, r"trainer\.accelerator=None"),
]


@pytest.fixture(autouse=True)
def _plain_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOCAL_RANK", "RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("name", "value", "said"), REFUSED, ids=lambda v: str(v)[:30])
def test_what_gives_wrong_numbers_or_none_is_refused(name: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        check_trainer({"accelerator": "cpu", "devices": 1, name: value})
    assert f"trainer.{name}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_argument_of_the_trainer_has_been_thought_of() -> None:
    known = set(inspect.signature(Trainer).parameters) - {"self"}
    assert known == set(FILLED) | set(RULES) | set(BY_LIGHTNING)


@pytest.mark.parametrize("name", sorted(RULES))
def test_lightnings_own_default_is_never_refused(name: str) -> None:
    default = inspect.signature(Trainer).parameters[name].default
    if name == "overfit_batches" or default is not None:
        assert RULES[name].allows(default), default


@pytest.mark.parametrize("accelerator", ["gpu", "cuda"])
def test_a_missing_gpu_is_told_with_what_there_is(
    accelerator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"finds none on this machine.*trainer\.accelerator=cpu"):
        check_trainer({"accelerator": accelerator, "devices": 1})


def test_processes_are_counted() -> None:
    assert processes({"accelerator": "cpu", "devices": 1}) == 1
    assert processes({"accelerator": "cpu", "devices": 2, "strategy": "ddp"}) == 2
    assert processes({"accelerator": "cpu", "devices": 2, "num_nodes": 3}) == 6


@pytest.fixture
def _settings_off() -> Iterator[None]:
    """What is tested here must not depend on what a run before it, in this process, has set."""
    was = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = False
    yield
    torch.use_deterministic_algorithms(was[0])
    torch.backends.cudnn.benchmark = was[1]


@pytest.mark.usefixtures("_settings_off")
def test_a_check_changes_no_setting_of_torch(caplog: pytest.LogCaptureFixture) -> None:
    options = {"deterministic": True, "benchmark": True, "precision": "bf16-mixed"}
    check_trainer({"accelerator": "cpu", "devices": 1, **options})
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.benchmark
    assert caplog.text == ""


def test_arguments_from_the_environment_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PL_TRAINER_LIMIT_TRAIN_BATCHES", "2")
    with pytest.raises(ConfigError, match=r"PL_TRAINER_LIMIT_TRAIN_BATCHES.*\+trainer\.limit_tr"):
        check_trainer({"accelerator": "cpu", "devices": 1})
