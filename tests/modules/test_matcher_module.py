"""Which loss trains the matcher, and on what."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ackd.losses import info_nce, soft_target_info_nce
from ackd.matching.matcher import Matcher
from ackd.modules import MatcherModule
from tests.stages.toy import ToyBackbone


def module(**options: Any) -> MatcherModule:
    torch.manual_seed(0)
    matcher = Matcher(ToyBackbone(4, 0, dropout=0), ToyBackbone(3, 0, dropout=0), 16, dropout=0)
    built = MatcherModule(matcher, lambda p: torch.optim.AdamW(p, lr=1e-3), **options)
    built.log_dict = lambda *_, **__: None  # type: ignore[method-assign]
    return built


def batch() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {"ms": torch.randn(6, 4, 8, 8), "pseudo_rgb": torch.randn(6, 3, 8, 8)}


def embeddings(matcher: Matcher) -> tuple[Tensor, Tensor]:
    images = batch()
    return (
        matcher.ms_head(matcher.ms_encoder(images["ms"]).zbar),
        matcher.rgb_head(matcher.rgb_encoder(images["pseudo_rgb"]).zbar),
    )


def test_paper_is_info_nce_on_unit_embeddings_with_the_learned_scale() -> None:
    ours = module()
    v, g = embeddings(ours.matcher)
    expected = info_nce(F.normalize(v, dim=1), F.normalize(g, dim=1), 1 / 0.07)
    torch.testing.assert_close(ours.training_step(batch(), 0), expected)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_released_is_soft_targets_on_embeddings_as_they_come(temperature: float) -> None:
    ours = module(loss="soft_target", temperature=temperature, unit_length=False)
    v, g = embeddings(ours.matcher)
    assert v.norm(dim=1).mean() > 2  # a LayerNorm of width 16 gives about 4
    expected = soft_target_info_nce(v, g, temperature)
    torch.testing.assert_close(ours.training_step(batch(), 0), expected)
    # Matching goes by cosine all the same.
    found = ours.matcher.embed_ms(batch()["ms"])
    torch.testing.assert_close(found.norm(dim=1), torch.ones(6))


@pytest.mark.parametrize("loss", ["info_nce", "soft_target"])
@pytest.mark.parametrize("unit_length", [False, True])
def test_everything_that_is_trained_gets_a_gradient(loss: Any, unit_length: bool) -> None:
    ours = module(loss=loss, unit_length=unit_length)
    optimizer = ours.configure_optimizers()
    ours.training_step(batch(), 0).backward()
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    assert all(p.grad is not None for p in trained)
    learns_scale = any(p is ours.matcher.log_scale for p in trained)
    assert learns_scale is (loss == "info_nce")
