"""Fixtures of the command's tests."""

from __future__ import annotations

import pytest

from tests.prepare.running import Command


@pytest.fixture
def prepare(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)
