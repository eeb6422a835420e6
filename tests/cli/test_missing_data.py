"""Where the archives are looked for, and what is said when they are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import train
from tests.config.composing import checked


def test_an_empty_folder_gets_one_sentence(tmp_path: Path) -> None:
    done = train("+experiment=s2s_eu_rr", cwd=tmp_path)
    assert done.code == 1
    assert len(done.err.strip().splitlines()) == 1
    for word in ("EuroSAT_MS", "data.root=", "ACKD_DATA=", "Get EuroSAT"):
        assert word in done.last


def test_the_folder_that_was_named_is_named_back(tmp_path: Path) -> None:
    (tmp_path / "archives").mkdir()
    done = train("+experiment=s2s_eu_rr", "data.root=archives", cwd=tmp_path)
    assert done.code == 1
    assert "archives" in done.last


def test_command_line_else_variable_else_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACKD_DATA", raising=False)

    def root(*overrides: str) -> str:
        return checked("data=s2s_eu", *overrides).data.root  # type: ignore[union-attr]

    assert root() == "data"
    monkeypatch.setenv("ACKD_DATA", "from_the_variable")
    assert root() == "from_the_variable"
    assert root("data.root=from_the_command_line") == "from_the_command_line"


def test_folders_for_runs_and_artifacts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("outputs", "artifacts"):
        variable = f"ACKD_{name.upper()}"
        monkeypatch.delenv(variable, raising=False)
        assert getattr(checked(), name) == name
        monkeypatch.setenv(variable, "elsewhere")
        assert getattr(checked(), name) == "elsewhere"
        assert getattr(checked(f"{name}=here"), name) == "here"
