"""Help and advice compose the same few configurations in hundreds of tests."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hydra import compose
from omegaconf import DictConfig

import ackd.config.help
import ackd.config.messages.overrides


@pytest.fixture(scope="session", autouse=True)
def _composed_once() -> Iterator[None]:
    known: dict[tuple[Any, ...], DictConfig] = {}

    def once(primary: str, overrides: list[str], **options: Any) -> DictConfig:
        if any("searchpath" in word for word in overrides):
            return compose(primary, overrides=overrides, **options)
        key = (primary, *overrides, *options.items())
        if key not in known:
            known[key] = compose(primary, overrides=overrides, **options)
        return copy.deepcopy(known[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ackd.config.messages.overrides, "compose", once)
        patch.setattr(ackd.config.help, "compose", once)
        yield
