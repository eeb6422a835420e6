"""Batch sizes that nobody chose follow the number of training images where these are few."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import yaml

from ackd.config.launch.trainer import processes
from ackd.config.programs import program_for
from ackd.config.schema import RunConfig

__all__ = ["fitting_batches"]

R = TypeVar("R", bound=RunConfig)

log = logging.getLogger("ackd")


def fitting_batches(config: R, images_of: Mapping[str, int], chosen: Collection[str] = ()) -> R:
    """Lower the batch sizes of the recipe that the training images do not fill.

    A batch size that the user chose, on the command line or in a file of their own, stays as it
    is: where the images do not fill it, the data module says so and stops.

    Args:
        config: The options of the run.
        images_of: How many training images each of its stages has.
        chosen: The options given on the command line.

    Returns:
        The options, with batches that are filled at least twice per epoch and process: the largest
        power of two of which that is true, at least 2.
    """
    lowered: dict[str, Any] = {}
    for stage in config.stages:
        options = getattr(config, stage)
        option = f"{stage}.batch_size"
        if option in chosen or options.batch_size != _default(config.TASK, config.recipe, stage):
            continue
        images = images_of[stage] // processes(config.trainer)
        if images >= options.batch_size or images < 2:
            continue
        size = max(2, 2 ** ((images // 2).bit_length() - 1))
        lowered[stage] = options.model_copy(update={"batch_size": size})
        log.info(
            "%s=%d: %d training images do not fill the default of %d (%s=N sets another)",
            option, size, images, options.batch_size, option,
        )  # fmt: skip
    return config.model_copy(update=lowered)


@lru_cache
def _default(task: str | None, recipe: str, stage: str) -> int | None:
    """The batch size that our own files give a stage; None under a recipe of the user's own."""
    folder = program_for(task).config_dir
    place = folder / "recipe" / f"{recipe}.yaml"
    if not place.is_file():
        return None
    options: dict[str, Any] = {}
    planned = program_for(task).config.trained()[stage]
    for path in (folder / f"{planned.options or f'{stage}/default'}.yaml", place):
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        options |= content.get(stage, {}) if path == place else content
    return options.get("batch_size")
