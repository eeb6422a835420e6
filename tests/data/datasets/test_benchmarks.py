"""Benchmarks and sources are found: no list of them is written anywhere."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

import ackd
from ackd.config.location import about, config_dir
from ackd.config.schema.data import DATA_NAMES, DataConfig
from ackd.data.options import BENCHMARKS, CLASS_MAPS
from ackd.data.sources import SOURCES, ClassFolders, registry
from ackd.prepare.cli import COMMANDS
from ackd.report.published import is_published

PACKAGE = Path(ackd.__file__).parent


def test_a_class_map_and_a_yaml_are_a_benchmark() -> None:
    maps = {entry.name for entry in CLASS_MAPS.iterdir()}
    assert maps == {f"{name}.yaml" for name in BENCHMARKS}
    files = {path.stem: path.read_text(encoding="utf-8") for path in config_dir().glob("data/*")
             if path.is_file()}  # fmt: skip
    assert {k for k, text in files.items() if "base/archives@_here_" in text} == set(BENCHMARKS)
    for name in BENCHMARKS:
        assert f"\nname: {name} " in files[name]
        assert about(files[name]).endswith(".")
        assert name in DATA_NAMES
        assert name in COMMANDS


def test_nobody_else_lists_the_benchmarks() -> None:
    """A name as a value of its own; the three that their authors released have a folder each."""
    naming = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in BENCHMARKS
    }
    assert naming == {"data/datasets/benchmarks.py", "prepare/check.py"}  # M2S-GL's MATLAB files


def test_the_paper_has_three_of_them() -> None:
    assert [name for name in BENCHMARKS if is_published(name)] == ["m2s_gl", "s2s_cn", "s2s_eu"]
    assert not is_published("synthetic")
    assert not is_published(None)


def test_a_name_without_a_class_map_is_no_data_set() -> None:
    with pytest.raises(ValidationError, match="s2s_us"):
        TypeAdapter(DataConfig).validate_python({"name": "s2s_us", "root": "x"})


def test_a_file_beside_the_others_is_a_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "publishers"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "registry.py").write_text("raise AssertionError('it does not import itself')")
    (package / "ucm.py").write_text(
        "from ackd.data.sources import ClassFolders\n"
        "__all__ = ['UCM']\n"
        "UCM = ClassFolders('ucm', 'UC Merced', 'rgb', 'Images', ('river',), ('.tif',), 'ucm', 'x')"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found: dict[str, Any] = registry.found_in(package, "publishers")
    monkeypatch.delitem(sys.modules, "publishers")
    monkeypatch.delitem(sys.modules, "publishers.ucm")
    assert list(found) == ["ucm"]
    assert isinstance(found["ucm"], ClassFolders)
    assert "ucm" not in SOURCES
