"""The matcher M = (M_V, M_G): one encoder a modality and a shared embedding space, eqs 5-7."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ackd.backbones import Backbone

__all__ = ["Matcher", "ProjectionHead"]

# CLIP never lets the learned scale grow beyond 100, which would make training unstable.
MAX_LOGIT_SCALE = 100.0


class ProjectionHead(nn.Module):
    """Linear - GELU - Linear - dropout, residual around the second Linear, LayerNorm."""

    def __init__(self, width: int, dim: int, dropout: float) -> None:
        """Map features of ``width`` to embeddings of ``dim``."""
        super().__init__()
        self.lead = nn.Linear(width, dim)
        self.mix = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(dim)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, width) to (B, dim), not yet of unit length."""
        h = self.lead(features)
        embedding: Tensor = self.norm(self.dropout(self.mix(F.gelu(h))) + h)
        return embedding


class Matcher(nn.Module):
    """Two encoders with a projection head each, and the learned logit scale of InfoNCE."""

    def __init__(
        self,
        ms_encoder: Backbone,
        rgb_encoder: Backbone,
        dim: int = 256,
        dropout: float = 0.1,
        logit_scale: float = 1 / 0.07,
    ) -> None:
        """Put heads on the encoders.

        Args:
            ms_encoder: M_V, takes every band of an MS image.
            rgb_encoder: M_G, takes pseudo-RGB in training and real RGB in matching.
            dim: Width of the embeddings.
            dropout: In the projection heads.
            logit_scale: Start of the learned scale.
        """
        super().__init__()
        self.ms_encoder = ms_encoder
        self.rgb_encoder = rgb_encoder
        self.ms_head = ProjectionHead(ms_encoder.zbar_dim, dim, dropout)
        self.rgb_head = ProjectionHead(rgb_encoder.zbar_dim, dim, dropout)
        # Learned as a logarithm, so that it stays positive.
        self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale)))

    @property
    def logit_scale(self) -> Tensor:
        """The scale that multiplies cosine similarities, at most 100."""
        return self.log_scale.exp().clamp(max=MAX_LOGIT_SCALE)

    def embed_ms(self, images: Tensor) -> Tensor:
        """Embed MS images, v = M_V(V): normalised (B, C, H, W) to unit vectors (B, dim)."""
        return F.normalize(self.ms_head(self.ms_encoder(images).zbar), dim=1)

    def embed_rgb(self, images: Tensor) -> Tensor:
        """Embed RGB images, g = M_G(G): normalised (B, 3, H, W) to unit vectors (B, dim)."""
        return F.normalize(self.rgb_head(self.rgb_encoder(images).zbar), dim=1)
