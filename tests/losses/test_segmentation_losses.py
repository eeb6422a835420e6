"""The losses of segmentation: values of an independent script, and what masking must not change."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ackd.errors import ConfigError
from ackd.losses import cosine_reconstruction, masked_bce
from tests.conftest import SHARED
from tests.golden import F32, F64, Golden, assert_close

LAYERS = (((2, 4, 6, 5), 1.0, 1.0), ((2, 3, 3, 2), 1.5, 0.5), ((2, 1, 6, 5), 2.0, 1.0))


def field(shape: tuple[int, ...], k: float, s: float) -> Tensor:
    b, c, i, j = torch.meshgrid(
        *(torch.arange(n, dtype=torch.float64) for n in shape), indexing="ij"
    )
    wave = torch.sin(1 + 0.7 * b + 1.3 * c * k + 0.31 * i + 0.17 * j * s)
    return wave + 0.25 * torch.cos(1.1 * c + 0.05 * i * j)


def maps() -> tuple[list[Tensor], list[Tensor]]:
    student = [field(*layer).requires_grad_() for layer in LAYERS]
    return student, [field(shape, k + 0.2, s + 0.3) for shape, k, s in LAYERS]


def reference(part: str) -> dict[str, Any]:
    path = SHARED / "golden" / "sar" / "c3_losses.json"
    if not path.is_file():
        pytest.skip("the reference numbers (../shared/golden/sar) are not on this machine")
    return json.loads(path.read_text(encoding="utf-8"))[part]


# -- cosine ------------------------------------------------------------------------------------


def test_cosines_are_those_of_the_reference() -> None:
    expected = reference("cosine")
    student, teacher = maps()
    loss = cosine_reconstruction(student, teacher)
    assert loss.item() == pytest.approx(expected["loss_flatten"], abs=1e-9)
    loss.backward()
    norms = [float(layer.grad.norm()) for layer in student if layer.grad is not None]
    assert norms == pytest.approx(expected["grad_norms_flatten"], abs=1e-9)
    for place in range(3):
        one = 1 - cosine_reconstruction(student[place : place + 1], teacher[place : place + 1])
        assert one.item() == pytest.approx(expected["flatten_per_layer"][place], abs=1e-9)
    for place in range(2):
        layers = student[place : place + 1], teacher[place : place + 1]
        one = 1 - cosine_reconstruction(*layers, over="position")
        assert one.item() == pytest.approx(expected["position_per_layer"][place], abs=1e-9)
    valid = torch.ones(2, 6, 5, dtype=torch.bool)
    valid[..., 3:] = False
    one = 1 - cosine_reconstruction(student[:1], teacher[:1], valid)
    assert one.item() == pytest.approx(expected["layer0_flatten_masked_cols_3_4"], abs=1e-9)


@pytest.mark.parametrize("name", ["c00", "c01", "c02"])
def test_six_layers_of_the_golden_file(golden: Callable[[str], Golden], name: str) -> None:
    case = golden("16_cosine_recon").case(name)
    for dtype, tolerance in ((torch.float64, F64), (torch.float32, F32)):
        inputs = case.inputs(dtype)
        student = [inputs[f"s{n}"].requires_grad_() for n in range(6)]
        teacher = [inputs[f"t{n}"] for n in range(6)]
        readings = {"layer": "loss_flatten_per_sample"}
        if all(layer.shape[1] > 1 for layer in student):
            readings["position"] = "loss_channelwise_per_position"
        for over, key in readings.items():
            loss = cosine_reconstruction(student, teacher, over=over)  # type: ignore[arg-type]
            assert_close(loss, case.get(f"f64.{key}"), **tolerance, what=key)
            for n, gradient in enumerate(torch.autograd.grad(loss, student)):
                stored = f"f64.grad.{key}.s{n}"
                assert_close(gradient, case.get(stored), **tolerance, what=stored)


def test_the_teacher_reconstructs_itself_and_gets_no_gradient() -> None:
    student, _ = maps()
    teacher = [layer.detach().clone().requires_grad_() for layer in student]
    loss = cosine_reconstruction(student, teacher)
    loss.backward()
    assert loss.item() == pytest.approx(0.0, abs=1e-12)
    assert [layer.grad for layer in teacher] == [None] * 3


@pytest.mark.parametrize("over", ["layer", "position"])
def test_pixels_that_are_not_valid_do_not_matter(over: Any) -> None:
    student, teacher = (layers[:2] for layers in maps())
    valid = torch.rand(2, 12, 10, generator=torch.Generator().manual_seed(1)) > 0.4
    valid[0, :4] = False
    plain = cosine_reconstruction(student, teacher, valid, over)
    plain_grads = torch.autograd.grad(plain, student)
    spoiled_s, spoiled_t = (
        [
            layer.detach().where(
                F.adaptive_avg_pool2d(valid[:, None].double(), layer.shape[2:]) > 0.5, math.nan
            ).requires_grad_()
            for layer in layers
        ]
        for layers in (student, teacher)
    )  # fmt: skip
    assert any(layer.isnan().any() for layer in spoiled_s)
    spoiled = cosine_reconstruction(spoiled_s, spoiled_t, valid.unsqueeze(1), over)
    assert spoiled.item() == plain.item()
    for ours, theirs in zip(torch.autograd.grad(spoiled, spoiled_s), plain_grads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize("over", ["layer", "position"])
def test_an_image_without_valid_pixels_is_left_out(over: Any) -> None:
    student, teacher = (layers[:2] for layers in maps())
    valid = torch.ones(2, 6, 5, dtype=torch.bool)
    valid[1] = False
    first = [layer[:1] for layer in student], [layer[:1] for layer in teacher]
    loss = cosine_reconstruction(student, teacher, valid, over)
    assert loss.item() == pytest.approx(cosine_reconstruction(*first, over=over).item(), abs=1e-12)
    nothing = cosine_reconstruction(student, teacher, torch.zeros_like(valid), over)
    assert nothing.item() == 0.0
    for gradient in torch.autograd.grad(nothing, student):
        assert not gradient.any()
        assert gradient.isfinite().all()


def test_a_layer_without_valid_pixels_is_left_out_of_the_mean() -> None:
    student, teacher = maps()
    valid = torch.zeros(2, 6, 5, dtype=torch.bool)
    valid[:, 0, 0] = True  # a quarter or less of a pixel of layer 1
    loss = cosine_reconstruction(student[:2], teacher[:2], valid)
    assert loss.item() == cosine_reconstruction(student[:1], teacher[:1], valid).item() > 0


@pytest.mark.parametrize("over", ["layer", "position"])
def test_a_map_of_zeros_has_no_direction_and_no_gradient(over: Any) -> None:
    student = torch.zeros(2, 3, 4, 4, requires_grad=True)
    loss = cosine_reconstruction([student], [torch.ones(2, 3, 4, 4)], over=over)
    assert loss.item() == 1.0
    assert not torch.autograd.grad(loss, student)[0].any()


def test_the_cosine_is_blind_to_scale() -> None:
    teacher = torch.tensor([0.9, 0.8, 0.1, 0.05]).view(1, 1, 2, 2)
    assert cosine_reconstruction([teacher / 2], [teacher]).item() == pytest.approx(0.0, abs=1e-6)


def test_half_precision_and_autocast_change_nothing_but_the_input() -> None:
    student, teacher = maps()
    half = [[layer.detach().bfloat16() for layer in layers] for layers in (student, teacher)]
    full = [[layer.float() for layer in layers] for layers in half]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = cosine_reconstruction(*half)
        assert loss.dtype == torch.float32
    assert loss.item() == cosine_reconstruction(*full).item()


def test_wrong_maps_are_refused() -> None:
    student, teacher = maps()
    with pytest.raises(ConfigError, match=r"layer 2 has one channel.*Set over=layer"):
        cosine_reconstruction(student, teacher, over="position")
    with pytest.raises(ConfigError, match=r"no cosine 'layers'.*Did you mean 'layer'"):
        cosine_reconstruction(student, teacher, over="layers")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="they hold 3 and 2"):
        cosine_reconstruction(student, teacher[:2])
    with pytest.raises(ValueError, match="they hold 0 and 0"):
        cosine_reconstruction([], [])
    with pytest.raises(
        ValueError, match=r"maps of layer 0 .* \(2, 4, 6, 5\) \(student\) and \(2, 3"
    ):
        cosine_reconstruction(student, teacher[::-1][1:] + teacher[:1])
    with pytest.raises(TypeError, match=r"valid must be a tensor of bool.*float32.*by .bool"):
        cosine_reconstruction(student, teacher, torch.ones(2, 6, 5))
    with pytest.raises(ValueError, match=r"valid must have the shape \(2, H, W\)"):
        cosine_reconstruction(student, teacher, torch.ones(3, 6, 5, dtype=torch.bool))
    with pytest.raises(TypeError, match="lists with one tensor per layer"):
        cosine_reconstruction(student[0], teacher[0])  # type: ignore[arg-type]


# -- binary cross-entropy ----------------------------------------------------------------------


def masks() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    logits = 4 * torch.randn(3, 1, 6, 5, generator=generator, dtype=torch.float64)
    target = torch.rand(3, 1, 6, 5, generator=generator) > 0.7
    valid = torch.rand(3, 1, 6, 5, generator=generator) > 0.3
    return logits.requires_grad_(), target, valid


def test_bce_is_the_mean_over_valid_pixels() -> None:
    logits, target, valid = masks()
    expected = F.binary_cross_entropy_with_logits(logits[valid], target[valid].double())
    assert masked_bce(logits, target, valid).item() == pytest.approx(expected.item(), abs=1e-12)
    squeezed = masked_bce(logits.squeeze(1), target.long(), valid.squeeze(1))
    assert squeezed.item() == pytest.approx(expected.item(), abs=1e-12)


def test_bce_of_one_logit_is_that_of_a_softmax_over_two_channels() -> None:
    scores = masks()[0].detach().repeat(1, 2, 1, 1).mul(torch.tensor([[[[-0.4]], [[1.3]]]]))
    scores.requires_grad_()
    target, valid = masks()[1], torch.ones_like(masks()[2])
    one_hot = torch.cat([~target, target], dim=1).double()
    softmax = F.binary_cross_entropy(scores.softmax(dim=1), one_hot)
    ours = masked_bce(scores[:, 1] - scores[:, 0], target, valid)
    assert ours.item() == pytest.approx(softmax.item(), abs=1e-9)
    theirs = torch.autograd.grad(softmax, scores)[0]
    torch.testing.assert_close(torch.autograd.grad(ours, scores)[0], theirs, rtol=1e-6, atol=1e-9)


def test_bce_ignores_what_is_not_valid_and_is_0_without_a_valid_pixel() -> None:
    logits, target, valid = masks()
    plain = masked_bce(logits, target, valid)
    spoiled = logits.detach().where(valid, math.nan).requires_grad_()
    other = masked_bce(spoiled, target.long().where(valid, 255), valid)
    assert other.item() == plain.item()
    expected = torch.autograd.grad(plain, logits)[0]
    torch.testing.assert_close(torch.autograd.grad(other, spoiled)[0], expected, rtol=0, atol=0)
    assert not expected[~valid].any()
    nothing = masked_bce(logits, target, torch.zeros_like(valid))
    assert nothing.item() == 0.0
    assert not torch.autograd.grad(nothing, logits)[0].any()


def test_bce_is_in_float32_under_autocast() -> None:
    logits, target, valid = masks()
    half = logits.detach().bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = masked_bce(half, target, valid)
    assert loss.dtype == torch.float32
    assert loss.item() == masked_bce(half.float(), target, valid).item()


def test_bce_refuses_what_is_no_mask() -> None:
    logits, target, valid = masks()
    with pytest.raises(ValueError, match=r"target holds 255 at a valid pixel.*'ignore', set"):
        masked_bce(logits, target.long() * 255, valid)
    with pytest.raises(ValueError, match=r"logits must have the shape .*has \(3, 2, 6, 5\)"):
        masked_bce(logits.repeat(1, 2, 1, 1), target, valid)
    with pytest.raises(ValueError, match="logits and target must have the same B, H and W"):
        masked_bce(logits, target[..., :4], valid)
    with pytest.raises(ValueError, match="logits and valid must have the same B, H and W"):
        masked_bce(logits, target, valid[..., :4])
    with pytest.raises(TypeError, match=r"logits must hold floating-point numbers.*int64"):
        masked_bce(logits.long(), target, valid)
    with pytest.raises(TypeError, match=r"by .bool"):
        masked_bce(logits, target, valid.long())
