"""Cases that only the slow suite runs: another case of the same test shows the same part."""

from __future__ import annotations

from typing import Any

import pytest


def slow(*values: Any) -> Any:
    """A case of ``pytest.mark.parametrize``."""
    return pytest.param(*values, marks=pytest.mark.slow)
