"""Matching at scale: 10^4 to 10^6 students and teachers in ten classes, and the naive loop.

    python benchmarks/matching.py [--sizes 10000 100000 1000000] [--json FILE]

Each size runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from measure import in_process, once, peak_gb, write
from torch import Tensor
from torch.nn import functional

from ackd.matching import match_by_divergence, match_by_similarity

CLASSES = 10
GAMMA = 3.0


def draw(n: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Students, teachers and the classes of both."""
    generator = torch.Generator().manual_seed(0)
    rows = [3 * torch.randn(n, width, generator=generator) for _ in range(2)]
    classes = [torch.randint(CLASSES, (n,), generator=generator) for _ in range(2)]
    return rows[0], rows[1], classes[0], classes[1]


def naive(s: Tensor, t: Tensor, s_class: Tensor, t_class: Tensor) -> Tensor:
    """One student at a time against all teachers of its class, as the equation reads."""
    log_s, log_t = (functional.log_softmax(x.double() / GAMMA, dim=-1) for x in (s, t))
    members = [(t_class == c).nonzero().squeeze(1) for c in range(CLASSES)]
    chosen = torch.empty(len(s), dtype=torch.int64)
    for n, c in enumerate(s_class.tolist()):
        own = log_s[n]
        divergence = (own.exp() * (own - log_t[members[c]])).sum(dim=-1)
        chosen[n] = members[c][divergence.argmin()]
    return chosen


def measure(kind: str, n: int, threads: int) -> dict[str, float]:
    """Match once and count seconds and memory."""
    torch.set_num_threads(threads)
    data = draw(n, 256 if kind == "embeddings" else 10)
    before = peak_gb()
    if kind == "embeddings":
        wall, cpu = once(lambda: match_by_similarity(*data))
    elif kind == "naive":
        wall, cpu = once(lambda: naive(*data))
    else:
        match_by_divergence(*(x[:256] for x in data), GAMMA)  # the first call loads kernels
        wall, cpu = once(lambda: match_by_divergence(*data, GAMMA))
    return {"wall": wall, "cpu": cpu, "peak_gb": peak_gb(), "peak_gb_before": before}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[10_000, 27_000, 100_000, 1_000_000]
    )
    parser.add_argument("--embeddings", type=int, nargs="*", default=[100_000])
    parser.add_argument("--naive", type=int, nargs="*", default=[2_000, 10_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("KIND", "N"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one[0], int(given.one[1]), given.threads)))
        return
    rows: dict[str, dict[str, float]] = {}
    print(f"{'':12}{'N = K':>10}{'wall s':>10}{'cpu s':>10}{'peak GB':>10}")
    for kind, sizes in (
        ("naive", given.naive), ("logits", given.sizes), ("embeddings", given.embeddings),
    ):  # fmt: skip
        for n in sizes:
            row = in_process(Path(__file__), "--one", kind, str(n), "--threads", str(given.threads))
            rows[f"{kind}/{n}"] = row
            print(
                f"{kind:12}{n:>10}{row['wall']:>10.2f}{row['cpu']:>10.2f}{row['peak_gb']:>10.2f}",
                flush=True,
            )
    write(given.json, rows)


if __name__ == "__main__":
    main()
