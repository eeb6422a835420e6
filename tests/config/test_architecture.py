"""Who may know whom: the method's code stands without Lightning and without Hydra."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ackd

PACKAGE = Path(ackd.__file__).parent
PURE = ("utils", "data", "backbones", "losses", "matching", "alignment", "analysis")
FRAMEWORKS = {"lightning", "pytorch_lightning", "hydra", "omegaconf", "wandb"}
# Modules of the command line: train, demo and their later sisters.
COMMANDS = {"artifacts", "train", "demo", "evaluate", "report", "search"}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (PACKAGE / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside of functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def top(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("package", PURE)
def test_the_method_names_no_framework(package: str) -> None:
    files = sources(package)
    assert files
    for path in files:
        assert not {top(name) for name in imported(path)} & FRAMEWORKS, path


@pytest.mark.parametrize("package", PURE)
def test_the_method_knows_nothing_above_it(package: str) -> None:
    above = {"config", "stages", "modules", "callbacks", *COMMANDS}
    for path in sources(package):
        for name in imported(path):
            parts = name.split(".")
            assert not (parts[0] == "ackd" and len(parts) > 1 and parts[1] in above), (path, name)


def test_importing_the_method_loads_no_framework() -> None:
    # timm brings wandb along where it is installed; that is not ours to forbid.
    program = (
        "import importlib, sys\n"
        f"[importlib.import_module('ackd.' + name) for name in {PURE!r}]\n"
        f"print(*sorted({FRAMEWORKS - {'wandb'}!r} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_only_the_command_line_and_the_configuration_know_hydra() -> None:
    knowing = {
        path.relative_to(PACKAGE)
        for path in PACKAGE.rglob("*.py")
        if {top(name) for name in imported(path)} & {"hydra", "omegaconf"}
    }
    assert Path("train.py") in knowing
    allowed = {Path(f"{name}.py") for name in COMMANDS}
    assert {path for path in knowing if path.parts[0] != "config"} <= allowed


def test_the_ground_floor_knows_only_errors() -> None:
    assert sources("utils")
    for path in sources("utils"):
        ours = {name for name in imported(path) if top(name) == "ackd"}
        assert ours <= {"ackd.errors"}, path


def test_the_ground_floor_is_light() -> None:
    # Commands that neither read images nor train write files and wait for locks as well.
    program = (
        "import sys, ackd.utils.io, ackd.utils.locks, ackd.utils.values, ackd.utils.progress\n"
        "print(*sorted({'torch', 'numpy', 'pydantic'} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_losses_and_alignment_do_not_know_the_data() -> None:
    for path in sources("losses", "matching", "alignment", "backbones"):
        assert not [name for name in imported(path) if name.startswith("ackd.data")], path


def test_images_do_not_know_networks() -> None:
    for path in sources("data"):
        for name in imported(path):
            assert not name.startswith(("ackd.backbones", "ackd.losses", "ackd.matching")), path


def test_modules_and_callbacks_do_not_know_the_stages() -> None:
    for path in sources("modules", "callbacks"):
        assert not [name for name in imported(path) if name.startswith("ackd.stages")], path


@pytest.mark.parametrize(
    "package", ["", *PURE, "modules", "callbacks", "stages", "config", "report", "artifacts"]
)
def test_init_files_only_re_export(package: str) -> None:
    tree = ast.parse((PACKAGE / package / "__init__.py").read_text(encoding="utf-8"))
    nodes = list(tree.body)
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            nodes.remove(node)  # names that are imported when they are asked for
            assert all(isinstance(inside, ast.ImportFrom) for inside in node.body), package
    for node in nodes:
        assert isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.Expr), package


def test_no_file_grows_out_of_hand() -> None:
    long = {p: n for p in PACKAGE.rglob("*.py") if (n := len(p.read_text().splitlines())) > 400}
    assert not long
