"""What tests share: where the reference numbers and the real images are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

# One thread a process: the suite runs one process a core, and threads that wait for each other on
# busy cores make small networks a hundred times slower. Inherited by the commands under test.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from tests.golden import Golden

SHARED = Path(__file__).resolve().parents[2] / "shared"


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
