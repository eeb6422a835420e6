"""Files that are either whole or not there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

__all__ = ["read_json", "save_tensors", "write_json", "write_text"]


def _beside(path: Path, write: Callable[[Path], object]) -> None:
    """Write a neighbour and rename it, so that a killed run leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` whole or not at all."""
    _beside(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a mapping as readable JSON."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read what :func:`write_json` wrote."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def save_tensors(path: Path, content: Mapping[str, Any]) -> None:
    """Save tensors and builtins, readable with ``torch.load(path, weights_only=True)``."""
    _beside(path, lambda draft: torch.save(dict(content), draft))
