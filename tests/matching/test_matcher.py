"""The matcher: heads as in the reference numbers, unit embeddings, a bounded scale."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ackd.matching.matcher import Matcher, ProjectionHead
from tests.golden import F32, F64, Golden, assert_close
from tests.stages.toy import ToyBackbone

GoldenReader = Callable[[str], Golden]


@pytest.mark.parametrize("name", ["proj0", "proj1"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, F64), (torch.float32, F32)])
def test_projection_head_equals_the_reference(
    golden: GoldenReader, name: str, dtype: torch.dtype, tolerance: dict[str, float]
) -> None:
    case = golden("10_infonce").case(name)
    given = case.inputs(dtype)
    dim, width = given["W1"].shape
    head = ProjectionHead(width, dim, dropout=0.5).to(dtype).eval()
    head.load_state_dict(
        {
            "lead.weight": given["W1"], "lead.bias": given["b1"],
            "mix.weight": given["W2"], "mix.bias": given["b2"],
            "norm.weight": given["ln_g"], "norm.bias": given["ln_b"],
        }
    )  # fmt: skip
    kind = "f64" if dtype == torch.float64 else "f32"
    (key,) = [k for k in case.arrays if k.startswith(f"{kind}.") and "grad" not in k]
    assert_close(head(given["x"]), case.get(key), **tolerance, what=key)


def matcher(**options: float) -> Matcher:
    torch.manual_seed(0)
    return Matcher(ToyBackbone(4, 0), ToyBackbone(3, 0), dim=16, **options)


def test_embeddings_have_length_one() -> None:
    model = matcher()
    for embed, bands in ((model.embed_ms, 4), (model.embed_rgb, 3)):
        found: Tensor = embed(torch.randn(5, bands, 8, 8))
        assert found.shape == (5, 16)
        torch.testing.assert_close(found.norm(dim=1), torch.ones(5))


def test_each_modality_has_its_own_encoder_and_head() -> None:
    model = matcher()
    model.embed_ms(torch.randn(4, 4, 8, 8)).sum().backward()
    touched = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}
    assert touched == {"ms_encoder", "ms_head"}


def test_the_scale_starts_where_it_is_told_and_stays_below_100() -> None:
    model = matcher(logit_scale=1 / 0.07)
    assert model.logit_scale.item() == pytest.approx(14.2857, rel=1e-4)
    assert matcher(logit_scale=3.0).logit_scale.item() == pytest.approx(3.0)
    with torch.no_grad():
        model.log_scale.fill_(50.0)
    assert model.logit_scale.item() == 100.0


def test_dropout_sits_in_the_heads_in_training_alone() -> None:
    head = ProjectionHead(6, 8, dropout=0.5)
    x = torch.randn(3, 6)
    assert not torch.equal(head(x), head(x))
    head.eval()
    assert torch.equal(head(x), head(x))
