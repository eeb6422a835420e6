"""One run of the pipeline that many tests look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.running import TINY, Done, run_folders, train


@dataclass(frozen=True)
class Pipeline:
    """Two runs from one folder, the second after the first."""

    cwd: Path
    first: Done
    second: Done
    folder: Path
    again: Path


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    cwd = tmp_path_factory.mktemp("elsewhere")
    first = train(*TINY, "student.max_epochs=2", cwd=cwd)
    second = train(*TINY, "seed=1", "force=[teacher]", cwd=cwd)
    folders = run_folders(cwd)
    assert len(folders) == 2, first.err + second.err
    return Pipeline(cwd, first, second, *folders)
