"""What ``import ackd`` offers, beside commands whose names it must not take."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ackd
from ackd.errors import ConfigError, DataError

PACKAGE = Path(ackd.__file__).parent
MODULES = {path.stem for path in PACKAGE.iterdir() if not path.name.startswith("_")}
COMMANDS = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in (*PACKAGE.glob("*/__main__.py"), *PACKAGE.glob("*.py"))
    if "cli" in path.read_text(encoding="utf-8") and path.name != "__init__.py"
]
LOGITS = torch.eye(3)
CLASSES = torch.arange(3)
Call = Callable[[Any], object]


def refused(error: type[Exception], *args: Any, **options: Any) -> Call:
    def call(function: Any) -> object:
        with pytest.raises(error):
            function(*args, **options)
        return True

    return call


#: Every function with a call that shows that it is one, and ours.
CALLS: dict[str, Call] = {
    "build_backbone": lambda f: f("shufflenetv2_x0_5", bands=4, classes=2).bands == 4,
    "build_network": lambda f: f("tiny", bands=2, width=4).stride,
    "compose_config": lambda f: f(["method=kd"])["method"] == "kd",
    "distill": refused(ConfigError, ms=1, rgb=1, out=1),
    "distill_segmentation": refused(ConfigError, optical=1, sar=1, masks=1, out=1),
    "export_student": refused(ConfigError, None, format="onxx"),
    "list_backbones": lambda f: "mobilenetv2" in f() and "resnet18" in f("resnet1*"),
    "list_experiments": lambda f: "s2s_eu" in f() and "pairs_forest" in f(program="segment"),
    "list_losses": lambda f: "dkd" in f() and "none" not in f(),
    "list_networks": lambda f: "tiny" in f(),
    "load_student": refused(DataError, "nowhere.pt"),
    "match_by_divergence": lambda f: torch.equal(
        f(LOGITS, LOGITS, CLASSES, CLASSES, temperature=1.0), CLASSES
    ),
    "match_by_similarity": lambda f: torch.equal(f(LOGITS, LOGITS, CLASSES, CLASSES), CLASSES),
    "predict_images": lambda f: list(f(None, [])) == [],
    "predict_raster": refused(ConfigError, None, "a.tif", "out", window=0),
    "profile_student": refused(ConfigError, None, runs=0),
    "run": refused(ConfigError, ["no_such_option=1"]),
}


def test_there_are_commands() -> None:
    assert {"ackd.train", "ackd.segment", "ackd.search", "ackd.report.__main__"} <= set(COMMANDS)


def test_functions_stay_functions_when_commands_are_imported() -> None:
    offered = set(ackd.__all__) - {"__version__"}
    assert not offered & MODULES
    for name in COMMANDS:
        importlib.import_module(name.removesuffix(".__main__"))
        if not name.endswith("__main__"):
            assert inspect.ismodule(importlib.import_module(name))
    losses = set(importlib.import_module("ackd.losses").__all__) & offered
    classes = {name for name in offered if inspect.isclass(getattr(ackd, name))}
    assert offered - losses - classes == set(CALLS)
    for name, call in CALLS.items():
        assert call(getattr(ackd, name)), name
    for name in losses | classes:
        assert callable(getattr(ackd, name))
        assert inspect.getdoc(getattr(ackd, name))


def test_names_are_completed() -> None:
    assert dir(ackd) == sorted(ackd.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'ackd' has no attribute 'load_studnet'"):
        ackd.load_studnet  # noqa: B018
