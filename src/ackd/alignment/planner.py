"""The Planner of one modality: learned queries and keys of its patches."""

from __future__ import annotations

from torch import Tensor, nn

from ackd.alignment.plans import split_heads
from ackd.errors import ConfigError
from ackd.ops.pooled_attention import pooled_attention

__all__ = ["Planner"]


class Planner(nn.Module):
    """Queries and keys of patches, eq 16 of arXiv 2511.08901, and their pooled plan, eq 17.

    There are no values and no output projection: neither would influence the plan. The weights
    ``query.weight`` and ``key.weight`` are (inner_dim, dim), applied as x W^T, without bias.
    """

    def __init__(self, dim: int, heads: int = 8, inner_dim: int | None = None) -> None:
        """Make the two projections.

        Args:
            dim: D, channels of a patch.
            heads: H; each head takes inner_dim / H consecutive channels.
            inner_dim: Width of queries and keys. None for D, as in the paper; a narrower one is
                a cheaper approximation.

        Raises:
            ConfigError: If the width is no multiple of the heads.
        """
        super().__init__()
        inner = dim if inner_dim is None else inner_dim
        if min(dim, heads, inner) < 1 or inner % heads:
            fitting = [str(h) for h in range(1, max(inner, 0) + 1) if inner % h == 0]
            raise ConfigError(
                f"The Planner cannot cut {inner} channels into {heads} equal heads "
                f"(planner.heads={heads}{'' if inner_dim is None else f', planner.dim={inner}'}); "
                f"numbers of heads that fit: {', '.join(fitting) or 'none'}."
            )
        self.heads = heads
        self.query = nn.Linear(dim, inner, bias=False)
        self.key = nn.Linear(dim, inner, bias=False)

    def project(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, N, D) patches to queries and keys, each (B, H, N, d)."""
        return split_heads(self.query(z), self.heads), split_heads(self.key(z), self.heads)

    def forward(self, z: Tensor) -> Tensor:
        """Map (B, N, D) patches to the pooled plan (B, H, N), whose rows sum to 1."""
        return pooled_attention(*self.project(z))
