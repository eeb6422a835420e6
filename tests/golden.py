"""Read the reference numbers of the original authors' code (``../shared/golden``)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch


@dataclass
class Case:
    """One case of a golden file: its inputs, its options and every stored result."""

    name: str
    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def inputs(self, dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
        """The inputs; floating ones are cast to ``dtype``, integers stay as they are."""
        found = {}
        for key, array in self.arrays.items():
            if key.startswith("in."):
                tensor = torch.from_numpy(np.array(array))
                found[key[3:]] = tensor.to(dtype) if tensor.is_floating_point() else tensor
        return found

    def get(self, key: str) -> np.ndarray:
        """A result by its key without the case prefix, e.g. ``"f64.md_kd_T4_T2"``."""
        return self.arrays[key]

    def has(self, key: str) -> bool:
        return key in self.arrays


class Golden:
    """A golden file, read without pickle."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as stored:
            self.arrays = {key: stored[key] for key in stored.files}

    def names(self) -> list[str]:
        return sorted({key.split(".")[0] for key in self.arrays if ".in." in key})

    def case(self, name: str) -> Case:
        prefix = name + "."
        arrays = {k[len(prefix) :]: v for k, v in self.arrays.items() if k.startswith(prefix)}
        meta = json.loads(str(arrays.pop("meta"))) if "meta" in arrays else {}
        return Case(name, meta, arrays)

    def __iter__(self) -> Iterator[Case]:
        return (self.case(name) for name in self.names())


def assert_close(
    actual: torch.Tensor | np.ndarray | float,
    expected: np.ndarray,
    rtol: float,
    atol: float,
    what: str = "",
) -> None:
    """Pass when max|a-b| <= atol + rtol * max|b|, the comparison rule of the golden README."""
    a = np.asarray(actual.detach().cpu() if isinstance(actual, torch.Tensor) else actual)
    b = np.asarray(expected)
    assert a.shape == b.shape, f"{what}: shape {a.shape} instead of {b.shape}"
    error = np.max(np.abs(a.astype(np.float64) - b.astype(np.float64)), initial=0.0)
    bound = atol + rtol * np.max(np.abs(b.astype(np.float64)), initial=0.0)
    assert error <= bound, f"{what}: off by {error:.3e}, allowed {bound:.3e}"


F64 = {"rtol": 1e-8, "atol": 1e-11}
F32 = {"rtol": 1e-4, "atol": 1e-6}
