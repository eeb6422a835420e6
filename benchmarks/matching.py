"""Matching at scale, in ten classes: DynM's search, SSM's search, and the naive loop.

Each size runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ackd.matching import match_by_divergence, match_by_similarity
from benchmarks.measure import in_process, once, peak_gb
from benchmarks.scale import Scale
from benchmarks.section import Row, Section

__all__ = ["measure", "naive", "run"]

CLASSES = 10
GAMMA = 3.0
LOGITS, EMBEDDING = 10, 256


def run(scale: Scale) -> Section:
    """Measure every size.

    Columns: seconds, GB, and ``per pair``: processor time a student and teacher, over that of
    DynM's search at the second size (the first, if it is the only one); it stays the same where
    cost grows as N * K / classes.
    """
    kinds = (("naive", scale.naive), ("logits", scale.matched), ("embeddings", scale.embeddings))
    found = {
        (kind, n): in_process(
            "matching", "measure", kind=kind, n=n, threads=torch.get_num_threads()
        )
        for kind, sizes in kinds
        for n in sizes
    }
    n = scale.matched[min(1, len(scale.matched) - 1)]
    reference = found["logits", n]["cpu"] / n**2
    rows: dict[str, Row] = {
        f"{kind}, {n:,} x {n:,}": {
            "wall s": row["wall"], "cpu s": row["cpu"], "peak GB": row["peak"],
            "of it data GB": row["before"], "per pair": row["cpu"] / n**2 / reference,
        }
        for (kind, n), row in found.items()
    }  # fmt: skip
    absolute = frozenset({"wall s", "cpu s", "peak GB", "of it data GB"})
    return Section("matching", "Re-matching, search only, ten classes", rows, absolute)


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
    """Match once and count seconds and memory; the first, small call loads the kernels."""
    torch.set_num_threads(threads)
    data = draw(n, EMBEDDING if kind == "embeddings" else LOGITS)
    before = peak_gb()

    def match(*rows: Tensor) -> Tensor:
        if kind == "embeddings":
            return match_by_similarity(*rows)
        if kind == "naive":
            return naive(*rows)
        return match_by_divergence(*rows, temperature=GAMMA)

    match(*(x[:256] for x in data))
    taken = once(lambda: match(*data))
    return {"wall": taken.wall, "cpu": taken.busy, "peak": peak_gb(), "before": before}
