"""CORAL by shape: three B x B products against two D x D covariances, value and gradient.

python benchmarks/coral.py [--turns 5] [--json FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from measure import in_turns, write

from ackd.losses import coral

SHAPES = ((128, 512), (128, 1024), (128, 2048), (128, 4096), (128, 8192), (512, 512), (512, 64))
DIRECT = 2**34
"""Multiplications of a covariance beyond which the slow path is not waited for."""


def step(rows: int, width: int, path: Any) -> Callable[[], float]:
    """Value and gradient of one call; the teacher's side is constant."""
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(rows, width, generator=generator).requires_grad_()
    teacher = torch.randn(rows, width, generator=generator)

    def run() -> float:
        student.grad = None
        value = coral(teacher, student, path=path)
        value.backward()
        return value.item()

    return run


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rows: dict[str, Any] = {}
    print(f"{'B':>6}{'D':>7}{'gram ms':>10}{'direct ms':>11}{'direct/gram':>13}  difference")
    for b, d in SHAPES:
        arms = {"gram": step(b, d, "gram")}
        if b * d * d < DIRECT:
            arms["direct"] = step(b, d, "direct")
        timings = in_turns(arms, given.turns)
        line = f"{b:>6}{d:>7}{1e3 * timings['gram'].cpu:>10.2f}"
        row = {"gram": timings["gram"].cpu}
        if "direct" in timings:
            gram, direct = arms["gram"](), arms["direct"]()
            row |= {"direct": timings["direct"].cpu, "ratio": timings["direct"].ratio}
            row["difference"] = abs(gram - direct) / direct
            line += f"{1e3 * row['direct']:>11.2f}{row['ratio']:>13.1f}  {row['difference']:.1e}"
        rows[f"{b}x{d}"] = row
        print(line, flush=True)
    write(given.json, rows)


if __name__ == "__main__":
    main()
