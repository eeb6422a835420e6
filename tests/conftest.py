"""What tests share: where the reference numbers and the real images are."""

from __future__ import annotations

import copy
import gc
import importlib.metadata
import logging
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

# One thread a process: the suite runs one process a core, and threads that wait for each other on
# busy cores make small networks a hundred times slower. Inherited by the commands under test.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from omegaconf import OmegaConf

from ackd.data.datasets.class_map import load_class_map
from tests.golden import Golden

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_configure() -> None:
    """Do once what Lightning and Hydra do again and again.

    Every Trainer and every Fabric of Lightning lists the plugins of installed packages, and reads a
    file per package. Hydra parses some thirty files whenever it composes a configuration, which is
    half of the time that this takes.
    """
    importlib.metadata.entry_points = cache(importlib.metadata.entry_points)
    OmegaConf.load = staticmethod(_parsed_once(OmegaConf.load))  # type: ignore[method-assign]


def _parsed_once(load: Callable[[Any], Any]) -> Callable[[Any], Any]:
    known: dict[tuple[str, int, int], Any] = {}

    def load_once(file: Any) -> Any:
        path = Path(getattr(file, "name", file))
        if not path.is_file():
            return load(file)
        state = path.stat()
        key = (str(path), state.st_mtime_ns, state.st_size)
        if key not in known:
            known[key] = load(file)
        return copy.deepcopy(known[key])

    return load_once


def pytest_collection_finish() -> None:
    """Leave what was imported, a million objects, out of every later garbage collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Golden]:
    """``golden("01_vanilla_kd")`` reads that file of reference numbers."""
    folder = SHARED / "golden"
    if not folder.is_dir():
        pytest.skip("the reference numbers (../shared/golden) are not on this machine")
    return lambda topic: Golden(folder / f"{topic}.npz")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real satellite images in their publishers' layouts."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("the real images (../shared/data) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def shared_counts(shared_data: Path) -> dict[str, int]:
    """How many images of each source that folder has; it grows, so no test knows a total.

    "twins" counts the scenes that EuroSAT has both as a tif and as a jpg, "s2s_eu_rgb" the RGB
    images that have a class of S2S-EU and no twin.
    """
    ms = {path.stem for path in shared_data.glob("EuroSAT_MS/*/*.tif")}
    rgb = {path.stem for path in shared_data.glob("EuroSAT_RGB/*/*.jpg")}
    scenes = [path.parent.name for path in shared_data.glob("NWPU-RESISC45/*/*.jpg")]
    mapped = load_class_map("s2s_eu").rgb["nwpu_resisc45"]
    return {
        "eurosat_ms": len(ms),
        "eurosat": len(rgb),
        "nwpu_resisc45": len(scenes),
        "twins": len(ms & rgb),
        "s2s_eu_rgb": len(rgb - ms) + sum(folder in mapped for folder in scenes),
    }


@pytest.fixture
def said() -> Iterator[list[logging.LogRecord]]:
    """What ackd has said to its log; pytest's own caplog hears nothing of it once a run began."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logger = logging.getLogger("ackd")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield records
    logger.setLevel(level)
    logger.removeHandler(handler)
