"""Fetching an archive by a library that keeps its address and checksum; ackd has none of its own.

The library downloads and unpacks into a draft folder; what it verified there is renamed into place.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ackd.data.sources import SOURCES
from ackd.errors import DataError, unknown
from ackd.prepare.found import home_of

__all__ = ["FETCHERS", "download"]


@dataclass(frozen=True)
class _Fetcher:
    """How a library gets one source.

    Attributes:
        library: The package to import.
        dataset: Its class below ``datasets``, which downloads when it is made.
        home: The folder that holds the data set after that, under the root given to the class.
        options: What the class is given beside ``root`` and ``download``.
        beside: Files that lie beside that folder -> what they are called in it.
    """

    library: str
    dataset: str
    home: str
    options: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)


# checksum=True: torchgeo compares no MD5 otherwise. torchvision always does.
_VERIFIED: Final = {"checksum": True}

#: The sources that a library knows. BigEarthNet v2 is not among them: torchgeo fetches its radar
#: images and maps as well, and up to 0.8 stores the parts under wrong names.
FETCHERS: Final[dict[str, _Fetcher]] = {
    "bigearthnet_v1": _Fetcher(
        "torchgeo",
        "BigEarthNet",
        "BigEarthNet-v1.0",
        {**_VERIFIED, "bands": "s2", "num_classes": 43},
        {f"bigearthnet-{part}.csv": f"{part}.csv" for part in ("train", "val", "test")},
    ),
    "eurosat": _Fetcher("torchvision", "EuroSAT", "eurosat/2750"),
    "eurosat_ms": _Fetcher(
        "torchgeo", "EuroSAT", "ds/images/remote_sensing/otherDatasets/sentinel_2/tif", _VERIFIED
    ),
    "nwpu_resisc45": _Fetcher("torchgeo", "RESISC45", "NWPU-RESISC45", _VERIFIED),
    "patternnet": _Fetcher("torchgeo", "PatternNet", "PatternNet", _VERIFIED),
}


def download(name: str, raw: Path) -> tuple[Path, int]:
    """Fetch a source into ``raw``, unless it is there.

    Args:
        name: One of `ackd.data.sources.SOURCES`.
        raw: Made where there is none.

    Returns:
        The source's folder and the number of its images.

    Raises:
        ConfigError: If there is no such source.
        DataError: If it is there but wrong, if no library fetches it, the library is not
            installed, the network refuses, or what came is not what was published. Nothing is left
            half-written, and the message says what to get by hand and where to put it.
    """
    if name not in SOURCES:
        raise unknown("data source", name, SOURCES)
    source = SOURCES[name]
    by_hand = f"By hand: {source.published} Unpack it as {raw / source.folder}."
    there = home_of(source, raw)
    if there is not None:
        return there, len(source.scan(raw, source.classes))
    if name not in FETCHERS:
        raise DataError(f"No library fetches {source.title} as its publisher has it. {by_hand}")
    fetcher = FETCHERS[name]
    draft = raw / f".downloading-{name}"
    try:
        raw.mkdir(parents=True, exist_ok=True)
        # what an interrupted download left was never verified
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        try:
            _fetch(fetcher, draft, by_hand)
            home = draft / fetcher.home
            for file, inside in fetcher.beside.items():
                (draft / file).replace(home / inside)
            target = raw / source.folder
            target.parent.mkdir(parents=True, exist_ok=True)
            whole = draft / "whole" / source.folder
            whole.parent.mkdir(parents=True)
            home.replace(whole)
            images = len(source.scan(draft / "whole", source.classes))
            whole.replace(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"{source.title} cannot be fetched into {raw}: {error.strerror or error}. Nothing "
            f"half-written was left. {by_hand}"
        ) from error
    return target, images


def _fetch(fetcher: _Fetcher, draft: Path, by_hand: str) -> None:
    try:
        datasets = importlib.import_module(f"{fetcher.library}.datasets")
    except ImportError as error:
        raise DataError(
            f"{fetcher.library}, which fetches it, cannot be imported ({error}); install it "
            f"(pip install 'ackd[download]'). {by_hand}"
        ) from error
    make = getattr(datasets, fetcher.dataset, None)
    if make is None:
        raise DataError(
            f"This version of {fetcher.library} has no data set {fetcher.dataset}; install another "
            f"one (pip install -U 'ackd[download]'). {by_hand}"
        )
    try:
        make(root=str(draft), download=True, **fetcher.options)
    # the libraries raise RuntimeError for a wrong checksum, and other types by version
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{fetcher.library} could not fetch it ({type(error).__name__}: {said.rstrip('.')}). "
            f"Nothing half-written was left. {by_hand}"
        ) from error
    if not (draft / fetcher.home).is_dir():
        raise DataError(
            f"{fetcher.library} made no folder {fetcher.home} out of its download; it is another "
            f"version than ackd knows. {by_hand}"
        )
