"""A folder of five small pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.tiles.folders import write_pairs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_pairs(tmp_path)
