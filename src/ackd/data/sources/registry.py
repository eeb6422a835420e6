"""The sources by name: one line here for each file beside it."""

from __future__ import annotations

from typing import Final

from ackd.data.sources.base import Source
from ackd.data.sources.bigearthnet_v1 import BIGEARTHNET_V1
from ackd.data.sources.bigearthnet_v2 import BIGEARTHNET_V2
from ackd.data.sources.eurosat import EUROSAT_MS, EUROSAT_RGB
from ackd.data.sources.nasc_tg2 import NASC_TG2_MS, NASC_TG2_RGB
from ackd.data.sources.nwpu_resisc45 import NWPU_RESISC45
from ackd.data.sources.patternnet import PATTERNNET
from ackd.data.sources.rsi_cb128 import RSI_CB128
from ackd.errors import unknown

__all__ = ["SOURCES", "find_source"]

_ALL: tuple[Source, ...] = (
    BIGEARTHNET_V1,
    BIGEARTHNET_V2,
    EUROSAT_MS,
    EUROSAT_RGB,
    NASC_TG2_MS,
    NASC_TG2_RGB,
    NWPU_RESISC45,
    PATTERNNET,
    RSI_CB128,
)

SOURCES: Final[dict[str, Source]] = {source.name: source for source in _ALL}


def find_source(name: str) -> Source:
    """Return the source of that name.

    Raises:
        ConfigError: If there is none; the nearest name is offered.
    """
    if name not in SOURCES:
        raise unknown("data source", name, SOURCES)
    return SOURCES[name]
