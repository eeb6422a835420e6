"""Which arguments of Lightning's Trainer serve a run, and what does the work of the others.

A Trainer has arguments that end a training early, leave images out or choose the epoch by something
else. They are meant for looking around; behind a ``result.json`` or a teacher that many runs share,
they would be a wrong number that nobody sees. Each is refused here, before anything is read.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer

from ackd.config.launch.processes import check_launch
from ackd.errors import ConfigError, did_you_mean
from ackd.utils.targets import check_arguments

__all__ = ["BY_LIGHTNING", "FILLED", "RULES", "Rule", "check_trainer", "processes"]

# Arguments that depend on the machine; Lightning says whether they can be.
BY_LIGHTNING = ("accelerator", "devices", "num_nodes", "strategy")

EPOCHS = "teacher.max_epochs, matcher.max_epochs and student.max_epochs"

# Arguments that ackd fills itself, and where to say it instead.
FILLED = {
    "max_epochs": EPOCHS,
    "logger": "logger=csv, wandb or tensorboard",
    "callbacks": "+callbacks.NAME._target_=package.module.Class for those of your own",
    "default_root_dir": "outputs and artifacts",
    "use_distributed_sampler": "",
    "enable_checkpointing": "",
    "fast_dev_run": "teacher.max_epochs=1 and so on",
    "barebones": "",
    "plugins": "trainer.precision and +trainer.sync_batchnorm",
    "model_registry": "",
}


@dataclass(frozen=True)
class Rule:
    """What an argument of the Trainer may be.

    Attributes:
        allows: Whether a value serves a run.
        why: What another value would do, and what does it right.
    """

    allows: Callable[[Any], bool]
    why: str


def _one_of(*values: object) -> Callable[[Any], bool]:
    # By type as well: True is 1 in Python, but not to the Trainer.
    return lambda value: any(type(value) is type(v) and value == v for v in values)


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: _is_number(value) and isinstance(value, int) and value >= least


def _part(value: Any) -> bool:
    """A number of batches, or a share of them."""
    return _whole(1)(value) or (isinstance(value, float) and 0 < value <= 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


EVERY_EPOCH = "the best epoch is chosen among all of them by all validation images"
SWITCH = Rule(_one_of(True, False), "expected true or false")

RULES: dict[str, Rule] = {
    "accumulate_grad_batches": Rule(_whole(1), "expected a number of batches from 1 on"),
    "benchmark": Rule(_one_of(True, False, None), "expected true, false or null"),
    "check_val_every_n_epoch": Rule(
        _one_of(1), f"{EVERY_EPOCH}, so each one is validated; leave it out"
    ),
    "detect_anomaly": SWITCH,
    "deterministic": Rule(
        _one_of(True, False, None, "warn"), "expected true, false or warn"
    ),
    "enable_autolog_hparams": SWITCH,
    "enable_model_summary": SWITCH,
    "enable_progress_bar": SWITCH,
    "gradient_clip_algorithm": Rule(
        _one_of("norm", "value", None), "expected norm or value"
    ),
    "gradient_clip_val": Rule(
        lambda value: value is None or (_is_number(value) and value > 0),
        "expected a number above 0; leave it out for gradients as they are",
    ),
    "inference_mode": SWITCH,
    "limit_predict_batches": Rule(_one_of(1.0, None), "nothing is predicted with it; leave it out"),
    "limit_test_batches": Rule(
        _one_of(1.0, None),
        "OA and F1 of some test images would be reported as those of all; leave it out, or choose "
        "smaller data",
    ),
    "limit_train_batches": Rule(
        lambda value: value is None or _part(value),
        "expected a number of batches an epoch from 1 on, or a share of them, above 0 and up to "
        "1.0",
    ),
    "limit_val_batches": Rule(
        _one_of(1.0, None), f"{EVERY_EPOCH}; leave it out"
    ),
    "log_every_n_steps": Rule(
        lambda value: value is None or _whole(0)(value),
        "expected a number of steps; numbers are logged once an epoch, whatever it is",
    ),
    "max_steps": Rule(
        _one_of(-1), f"a stage would end in the middle and count as finished; use {EPOCHS}"
    ),
    "max_time": Rule(
        _one_of(None),
        "a stage would end in the middle and count as finished; end the command from outside "
        "(timeout --signal=TERM 3h COMMAND, or Slurm's --time with --signal=USR1@120), and go on "
        "with ckpt_path=auto",
    ),
    "min_epochs": Rule(_one_of(None), f"a stage ends by its own options; use {EPOCHS}"),
    "min_steps": Rule(_one_of(None), f"a stage ends by its own options; use {EPOCHS}"),
    "num_sanity_val_steps": Rule(
        lambda value: value is None or _whole(-1)(value),
        "expected a number of batches, or -1 for all validation images",
    ),
    "overfit_batches": Rule(
        _one_of(0, 0.0),
        "the epoch would be chosen by training images; use +trainer.limit_train_batches=N to train "
        "on a few batches",
    ),
    "precision": Rule(
        _one_of("32-true", "32", 32, "bf16-mixed", "bf16", "16-mixed", "16", 16, None),
        "images, the teacher's stored outputs and exported weights are in float32; use 32-true, "
        "bf16-mixed or 16-mixed",
    ),
    "reload_dataloaders_every_n_epochs": Rule(_whole(0), "expected a number of epochs from 0 on"),
    "strategy": Rule(
        _one_of(
            "auto", "ddp", "ddp_find_unused_parameters_false", "ddp_find_unused_parameters_true"
        ),
        "the processes of a run go through all stages side by side and each holds the whole "
        "network; use auto or ddp",
    ),
    "profiler": Rule(
        _one_of(None, "simple", "advanced", "pytorch"), "expected simple, advanced or pytorch"
    ),
    "sync_batchnorm": SWITCH,
    "val_check_interval": Rule(
        _one_of(1.0, None), f"{EVERY_EPOCH}, at its end; leave it out"
    ),
}  # fmt: skip


def check_trainer(options: Mapping[str, Any]) -> None:
    """Refuse what would give a wrong number, what Lightning refuses, and leftovers of a launcher.

    Args:
        options: The group ``trainer``.

    Raises:
        ConfigError: An option cannot be, or the environment is that of another kind of run.
    """
    check_arguments(Trainer, options, "trainer", taken=FILLED)
    for name, value in options.items():
        rule = RULES.get(name)
        if rule is not None and not rule.allows(value):
            text = (
                "null" if value is None else str(value).lower() if value in (True, False) else value
            )
            meant = ""
            if isinstance(value, str):
                meant = did_you_mean(value, _words(name), f"trainer.{name}={{}}")
            raise ConfigError(f"trainer.{name}={text} is not valid: {rule.why}.{meant}")
    _refuse_environment()
    check_launch(processes(options), nodes=int(options.get("num_nodes", 1)))


def _words(name: str) -> list[str]:
    """The words that an option may be, for a misspelt one."""
    words = {
        "strategy": ["auto", "ddp", "ddp_find_unused_parameters_true"],
        "precision": ["32-true", "bf16-mixed", "16-mixed"],
        "deterministic": ["warn"],
        "gradient_clip_algorithm": ["norm", "value"],
        "profiler": ["simple", "advanced", "pytorch"],
    }
    return words.get(name, [])


def _refuse_environment() -> None:
    """Lightning takes arguments from the environment too, which would show up nowhere."""
    for name in inspect.signature(Trainer).parameters:
        variable = f"PL_TRAINER_{name.upper()}"
        if variable in os.environ:
            raise ConfigError(
                f"The environment variable {variable}={os.environ[variable]} would change the "
                f"training without a trace in its configuration; unset it, and say what is meant "
                f"on the command line: +trainer.{name}={os.environ[variable]}"
            )


def processes(options: Mapping[str, Any]) -> int:
    """How many processes train together with these options.

    A Fabric finds accelerator, devices and strategy as a Trainer does, and changes nothing.

    Raises:
        ConfigError: Lightning refuses them, e.g. devices that are not there.
    """
    given = {name: options[name] for name in BY_LIGHTNING if name in options}
    try:
        fabric = Fabric(**given, plugins=[LightningEnvironment()])
    except (MisconfigurationException, ValueError, TypeError, RuntimeError, ImportError) as error:
        raise ConfigError(_refused(options, error)) from error
    asked = str(options.get("precision", ""))
    on_cpu = fabric.device.type == "cpu"
    if asked in ("16", "16-mixed") and on_cpu:
        raise ConfigError(
            f"trainer.precision={asked} needs a GPU; Lightning would compute in bf16-mixed on this "
            "accelerator. Use trainer.precision=bf16-mixed"
        )
    cores = os.cpu_count() or 1
    count = fabric.world_size // int(options.get("num_nodes", 1))
    # Two are enough to try things out on any machine.
    if on_cpu and count > max(2, cores):
        raise ConfigError(
            f"trainer.devices={count} on the CPU is {count} processes, but this machine has "
            f"{cores} cores; use trainer.devices=1, which uses all of them by threads."
        )
    return fabric.world_size


def _refused(options: Mapping[str, Any], error: Exception) -> str:
    """Say which option Lightning refuses, and what there is on this machine."""
    text = " ".join(str(error).split())
    found = ", ".join(_accelerators())
    accelerator, devices = options.get("accelerator", "auto"), options.get("devices", "auto")
    if accelerator in ("gpu", "cuda", "mps", "tpu", "hpu") and accelerator not in _accelerators():
        built = "" if torch.version.cuda or accelerator not in ("gpu", "cuda") else (
            f" (torch {torch.__version__} is built without CUDA)"
        )  # fmt: skip
        return (
            f"trainer.accelerator={accelerator}, but torch finds none on this machine{built}; it "
            f"has {found}. Use trainer.accelerator={_accelerators()[0]}, or auto."
        )
    if "device" in text.lower() and "devices" in options:
        gpus = torch.cuda.device_count()
        there = "a number of processes from 1 on, on the CPU"
        if gpus and accelerator != "cpu":
            there = f"a number of GPUs from 1 to {gpus}, a list of their indices from 0, or auto"
        return f"trainer.devices={devices} is not valid: expected {there}. (Lightning: {text})"
    named = [name for name in options if name in text or str(options[name]) in text]
    given = " ".join(f"trainer.{name}={options[name]}" for name in named or options)
    return f"Lightning's Trainer refuses {given}: {text}"


def _accelerators() -> list[str]:
    """What this machine has, the fastest first; gpu is any of the first two."""
    found = [*(["cuda", "gpu"] if torch.cuda.is_available() else [])]
    found += ["mps", "gpu"] if torch.backends.mps.is_available() else []
    return [*dict.fromkeys(found), "cpu"]
