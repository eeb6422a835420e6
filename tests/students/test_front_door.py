"""What ``import ackd`` offers, beside commands whose names it must not take."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import ackd

PACKAGE = Path(ackd.__file__).parent
MODULES = {path.stem for path in PACKAGE.iterdir() if not path.name.startswith("_")}
COMMANDS = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in (*PACKAGE.glob("*/__main__.py"), *PACKAGE.glob("*.py"))
    if "cli" in path.read_text(encoding="utf-8") and path.name != "__init__.py"
]


def test_there_are_commands() -> None:
    assert {"ackd.train", "ackd.segment", "ackd.search", "ackd.report.__main__"} <= set(COMMANDS)


def test_functions_stay_functions_when_commands_are_imported() -> None:
    functions = set(ackd.__all__) - {"__version__"}
    assert not functions & MODULES
    for name in COMMANDS:
        if not name.endswith("__main__"):
            importlib.import_module(name)
    for name in functions:
        assert callable(getattr(ackd, name))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'ackd' has no attribute 'load_studnet'"):
        ackd.load_studnet  # noqa: B018
