"""The door for a user's own data: everything that must be known is asked at once, before torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from ackd.config.schema import Config
from ackd.config.schema.data import ArchivesConfig, DataConfig, FoldersConfig, SyntheticConfig
from ackd.data.datasets.own_classes import OwnClassMap, choose_classes, read_own_class_map
from ackd.data.own_folders import OwnData
from ackd.data.own_folders.questions import Answer, OpenQuestionsError, Question
from ackd.data.sensors import rgb_bands
from ackd.errors import AckdError

__all__ = ["check_data", "given_words", "look_at_own", "own_class_map", "pseudo_rgb_question"]


def check_data(config: Config) -> None:
    """Look at what the options of the data set lead to, as far as that takes no more than seconds.

    Raises:
        ConfigError: If a class map or a class is wrong, or something must be said before a user's
            own images can train.
        DataError: If a folder of a user's own images is wrong.
    """
    data = config.data
    if isinstance(data, FoldersConfig):
        own = look_at_own(data)
        colours = pseudo_rgb_question(own, data.bands) if _needs_pseudo_rgb(config) else None
        questions = [*own.questions, *([colours] if colours else [])]
        if questions:
            raise OpenQuestionsError(questions, given_words(data))
        return
    class_map = own_class_map(data)
    names = data.classes if isinstance(data.classes, tuple) else None
    if class_map is None and names is None:
        return
    # Late, as in the package itself: only a choice of classes needs these tables.
    from ackd.data.datasets.benchmarks import find_benchmark
    from ackd.data.datasets.own_classes import class_map_of
    from ackd.data.synthetic.layouts import CLASSES

    if isinstance(data, SyntheticConfig):
        whole = class_map_of(data.name, CLASSES)
    else:
        whole, _ = find_benchmark(data.name, data.layout)
    choose_classes(whole, class_map, names)


def look_at_own(data: FoldersConfig) -> OwnData:
    """Look at the two folders of ``data=folders``; see `OwnData.look`."""
    return OwnData.look(
        Path(data.ms).expanduser(),
        Path(data.rgb).expanduser(),
        file_bands=data.file_bands,
        sensor=data.sensor,
        size=data.size,
        class_map=own_class_map(data),
        classes=data.classes,
        scale=data.scale,
        offset=data.offset,
        judged=data.pseudo_rgb != "image_max",
    )


def own_class_map(data: SyntheticConfig | ArchivesConfig | FoldersConfig) -> OwnClassMap | None:
    """Read ``data.class_map``, if there is one."""
    return None if data.class_map is None else read_own_class_map(Path(data.class_map).expanduser())


def pseudo_rgb_question(own: OwnData, bands: Sequence[str] | None = None) -> Question | None:
    """Ask for red, green and blue where the bands at hand cannot serve.

    Args:
        own: The data.
        bands: ``data.bands``; all of the files where None.
    """
    names = tuple(bands or own.camera.file_bands)
    try:
        rgb_bands(own.camera.sensor, names)
    except AckdError as error:
        none = Answer({"matching": "random"}, "random pairs within a class, without pseudo-RGB")
        three = Answer({"data.pseudo_rgb_bands": list(names[:3])}, "three bands of your choice")
        return Question(
            str(error), "red, green, blue", (three, none) if len(names) > 2 else (none,)
        )
    return None


def _needs_pseudo_rgb(config: Config) -> bool:
    matcher = "matcher" in config.stages
    return matcher and config.data.pseudo_rgb_bands is None


def given_words(data: DataConfig) -> list[str]:
    """The user's own overrides, as they were typed; in Python those that lead to the images."""
    if HydraConfig.initialized():
        return [_as_typed(word) for word in HydraConfig.get().overrides.task]
    places = [name for name in ("ms", "rgb", "root") if getattr(data, name, None)]
    return [f"data={data.name}", *(f"data.{name}={getattr(data, name)}" for name in places)]


def _as_typed(word: str) -> str:
    """A path without the quotes that the command line put around it for Hydra."""
    found = re.fullmatch(r"(data\.\w+|outputs|artifacts)='([^'\\$]*)'", word)
    return f"{found[1]}={found[2]}" if found else word
