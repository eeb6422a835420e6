"""Who may know whom: the method's code stands without Lightning and without Hydra."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import ackd

PACKAGE = Path(ackd.__file__).parent
# Every folder and file of src/ackd with what it holds, from the ground floor to the roof: a room
# imports only from rooms that are listed before it.
ROOMS = {
    "errors": "what a user can fix, in one sentence",
    "utils": "files, locks, values, progress bars; known to everybody",
    "data": "benchmarks, splits, images in memory, readers of publishers' folders",
    "backbones": "networks, and what they give: logits, zbar, z",
    "segmentation": "networks for pixels, with named layers",
    "ops": "operations with a gradient written by hand, each beside its definition",
    "losses": "distillation losses",
    "matching": "which teacher image a student image learns from",
    "alignment": "transport plans and the semantic-aware alignment",
    "analysis": "what the paper draws, and statistics",
    "plots": "pictures of benchmarks",
    "geo": "windows of large images",
    "metrics": "measures of segmentation, from counts of pixels",
    "tasks": "what the labels are: loss, metrics, predictions, and how they are shown",
    "students": "student.pt, and trained students that are used from Python",
    "modules": "LightningModules and LightningDataModules",
    "callbacks": "Lightning callbacks",
    "config": "the schema, and everything that knows Hydra",
    "runs": "run folders, checkpoints, signals, ranks, results",
    "artifacts": "finished stages, found again and pruned; python -m ackd.artifacts",
    "tracking": "metrics.csv, train.log, W&B and TensorBoard",
    "stages": "teacher, matcher, teacher cache and student",
    "export": "python -m ackd.export: students as ONNX, pt2 and safetensors",
    "profile": "python -m ackd.profile: what a student costs on a device",
    "prepare": "python -m ackd.prepare",
    "predict": "images and rasters of any size through a student; python -m ackd.predict",
    "report": "python -m ackd.report",
    "overview": "python -m ackd.runs",
    "sweeps": "many runs side by side",
    "dashboard": "python -m ackd.dashboard",
    "command": "what commands that train share",
    "train": "python -m ackd.train",
    "segment": "python -m ackd.segment",
    "api": "whole runs from Python: ackd.distill, ackd.run",
    "search": "python -m ackd.search",
    "demo": "python -m ackd.demo",
}
# A command that has the name of a lower room: its file belongs to the room that does the work.
COMMANDS = {"runs/__main__.py": "overview"}
# The rooms of src/ackd/data, in the same way.
ROOMS_OF_DATA = (
    "reading", "sources", "datasets", "splits", "cache", "own_folders", "synthetic", "tiles",
    "synthetic_tiles",
)  # fmt: skip
# What the method's rooms do not need to know, although the order would allow it.
APART = [
    (name, "data")
    for name in ("backbones", "segmentation", "ops", "losses", "matching", "alignment")
]
HOW = "The rooms and their order are the table ROOMS in tests/config/test_architecture.py."

# The method: everything before the LightningModules.
PURE = tuple(ROOMS)[1 : tuple(ROOMS).index("modules")]
FRAMEWORKS = {"lightning", "pytorch_lightning", "hydra", "omegaconf", "wandb"}


def sources(*rooms: str) -> list[Path]:
    """The files of some rooms, or of all."""
    return sorted(path for path in PACKAGE.rglob("*.py") if not rooms or room(path) in rooms)


def room(path: Path) -> str:
    """The room of a file; empty for the package's own ``__init__.py``."""
    inside = path.relative_to(PACKAGE)
    if inside.as_posix() in COMMANDS:
        return COMMANDS[inside.as_posix()]
    name = inside.parts[0].removesuffix(".py")
    return "" if name == "__init__" else name


def module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {module(path): path for path in sources()}


def imported(path: Path, *, types: bool = True) -> Iterator[str]:
    """Every module that a file imports, also inside functions.

    Args:
        path: Of the file.
        types: With what is imported for a type checker only.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checked = [
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    ]
    for node in ast.walk(tree):
        if not types and node in checked:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            # `from ackd.data import cache` means the module, not a name inside ackd.data.
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


def top(name: str) -> str:
    return name.partition(".")[0]


def neighbours(name: str) -> dict[str, list[str]]:
    """Which rooms a room imports, and the files that do."""
    found: dict[str, list[str]] = {}
    for path in sources(name):
        for other in imported(path):
            if top(other) == "ackd" and (known := room(MODULES[other])) not in ("", name):
                found.setdefault(known, []).append(str(path.relative_to(PACKAGE)))
    return found


def test_the_table_names_every_room() -> None:
    there = {room(path) for path in sources()} - {""}
    new, gone = sorted(there - set(ROOMS)), sorted(set(ROOMS) - there)
    assert not new, (
        f"src/ackd/{new[0]} is not in the table. {HOW} Put it after the rooms that it imports from."
    )
    assert not gone, f"src/ackd/{gone[0]} does not exist. {HOW} Take it out."


@pytest.mark.parametrize("name", ROOMS)
def test_no_import_goes_up(name: str) -> None:
    assert sources(name)
    below = list(ROOMS)[: list(ROOMS).index(name)]
    up = {other: files for other, files in neighbours(name).items() if other not in below}
    assert not up, f"src/ackd/{name} imports from rooms that are listed after it: {up}. {HOW}"


@pytest.mark.parametrize(("name", "other"), APART)
def test_the_method_does_not_know_the_data(name: str, other: str) -> None:
    assert other not in neighbours(name), f"{neighbours(name)[other]} import ackd.{other}"


def test_each_room_of_the_data_knows_only_those_above_it() -> None:
    data = PACKAGE / "data"
    assert {path.parent.name for path in data.glob("*/__init__.py")} == set(ROOMS_OF_DATA)
    for position, name in enumerate(ROOMS_OF_DATA):
        below = {f"ackd.data.{other}" for other in ROOMS_OF_DATA[position + 1 :]}
        for path in (data / name).rglob("*.py"):
            up = {".".join(other.split(".")[:3]) for other in imported(path)} & below
            assert not up, f"{path} imports {up}"


def test_no_circle_between_files() -> None:
    graph = {
        name: {other for other in imported(path, types=False) if other in MODULES} - {name}
        for name, path in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"These files import each other: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("name", PURE)
def test_the_method_names_no_framework(name: str) -> None:
    for path in sources(name):
        assert not {top(other) for other in imported(path)} & FRAMEWORKS, path


@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("folder", "above"),
    [
        ("schema", ("check", "launch")),
        ("launch", ("check",)),
        ("messages", ("check", "launch")),
    ],
)
def test_the_configuration_goes_from_schema_to_launch_to_check(
    folder: str, above: tuple[str, ...]
) -> None:
    files = [path for path in sources("config") if path.parent.name == folder]
    assert files
    forbidden = tuple(f"ackd.config.{name}" for name in above)
    for path in files:
        assert not [name for name in imported(path) if name.startswith(forbidden)], path


def test_only_the_command_line_and_the_configuration_know_hydra() -> None:
    knowing = {
        room(path)
        for path in sources()
        if {top(name) for name in imported(path)} & {"hydra", "omegaconf"}
    }
    assert knowing <= {"config", "command", "train", "segment", "search", "demo"}
    assert "config" in knowing


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


INITS = [path for path in sources() if path.name == "__init__.py"]


@pytest.mark.parametrize("path", INITS, ids=module)
def test_init_files_only_re_export(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(tree.body)
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            nodes.remove(node)  # names that are imported when they are asked for
            assert all(isinstance(inside, ast.ImportFrom) for inside in node.body), path
    for node in nodes:
        assert isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.Expr), path


def test_no_file_grows_out_of_hand() -> None:
    long = {p: n for p in PACKAGE.rglob("*.py") if (n := len(p.read_text().splitlines())) > 400}
    assert not long
