"""Run the command in this process, and tell what it printed and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ackd.data.datasets.class_map import ClassMap
from ackd.prepare.cli import main
from tests.data import small_archives


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    def assert_sentence(self, code: int, *words: str) -> None:
        assert self.code == code, self.err
        last = self.err.strip().splitlines()[-1]
        assert last.startswith("ackd: ")
        for word in words:
            assert word in last


class Command:
    """``prepare("s2s_eu", "--raw", raw)``."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: object) -> Said:
        self._capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as leaving:  # argparse
            code = leaving.code if isinstance(leaving.code, int) else 1
        printed = self._capsys.readouterr()
        return Said(code, printed.out, printed.err)


def two_classes(monkeypatch: pytest.MonkeyPatch, counts: Any = None) -> ClassMap:
    """Let ``s2s_eu`` be a benchmark of two classes from EuroSAT alone, which takes milliseconds."""
    small = small_archives.class_map(counts)
    class_map = ClassMap("s2s_eu", small.classes, small.ms, small.rgb, small.paper_counts)
    for place in ("ackd.data.datasets.benchmarks", "ackd.prepare.check"):
        monkeypatch.setattr(f"{place}.load_class_map", lambda _: class_map)
    return class_map


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
