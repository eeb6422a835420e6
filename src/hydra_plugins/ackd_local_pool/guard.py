"""Sweeps that cannot go well are refused before their first job."""

from __future__ import annotations

import shlex
import sys
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

__all__ = ["SeveralDevices"]

OWN_PROCESSES = "hydra_plugins.ackd_local_pool"


class SeveralDevices(Callback):
    """Refuses jobs on several devices where all jobs of a sweep share one process.

    Lightning starts the further ranks of a job by running the command line again, which is that of
    the whole sweep.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Compose all jobs and look at their devices.

        Raises:
            SystemExit: One has several. Hydra turns any other exception of a callback into a
                warning.
        """
        del kwargs
        if str(config.hydra.launcher.get("_target_", "")).startswith(OWN_PROCESSES):
            return
        params = config.hydra.sweeper.get("params") or {}
        words = [f"{key}={value}" for key, value in params.items()]
        words += [str(word) for word in config.hydra.overrides.task]
        loader = GlobalHydra.instance().config_loader()
        try:
            parsed = OverridesParser.create(config_loader=loader).parse_overrides(words)
            jobs = BasicSweeper.split_arguments(parsed, None)[0]
            for job in jobs:
                trainer = loader.load_sweep_config(config, list(job)).trainer
                devices = trainer.get("devices", 1)
                if devices not in (1, "1", "auto") and trainer.get("accelerator") != "tpu":
                    given = [word for word in sys.argv[1:] if word != "hydra/launcher=basic"]
                    sys.exit(
                        f"ackd: trainer.devices={devices} in a sweep whose jobs share one process: "
                        "every extra process would run the whole sweep anew. Nothing was started; "
                        "give each job a process tree of its own:\n"
                        f"python -m ackd.train {shlex.join([*given, 'hydra/launcher=local_pool'])}"
                    )
        except (HydraException, OmegaConfBaseException):
            return  # not ours to tell: Hydra itself is about to say what is wrong
