"""The paper's three networks against the authors' models: counts, shapes, outputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from ackd.backbones import PAPER_BACKBONES, Outputs, build_backbone
from tests.backbones.reference_weights import fill, image, uniform
from tests.golden import Case, Golden, assert_close

CASES = [f"c0{i}" for i in range(7)]
IN_TRAIN_MODE = ["c00", "c01", "c05"]


@pytest.fixture(scope="module")
def models(golden: Callable[[str], Golden]) -> Golden:
    return golden("17_models")


def run(case: Case, dtype: torch.dtype, train: bool = False) -> Outputs:
    meta = case.meta
    net = build_backbone(meta["arch"], meta["bands"], meta["classes"])
    fill(net, meta["seed"])
    x = image(meta["seed"], (meta["B"], meta["bands"], meta["size"], meta["size"]))
    with torch.no_grad():
        return net.to(dtype).train(train)(x.to(dtype))


def test_the_generator_gives_the_reference_stream(models: Golden) -> None:
    for key, seed, position, count in (
        ("hash_check.seed1_p0_first8", 1, 0, 8),
        ("hash_check.seed3_p5_first4", 3, 5, 4),
    ):
        np.testing.assert_array_equal(uniform(seed, position, count), models.arrays[key])
    for name in CASES:
        case = models.case(name)
        first = image(case.meta["seed"], (8,))
        np.testing.assert_array_equal(first.numpy(), case.get("in.image_first8"))


@pytest.mark.parametrize("name", CASES)
def test_eval_outputs(models: Golden, name: str) -> None:
    case = models.case(name)
    out = run(case, torch.float64)
    for key, value in (("unfused", out.z), ("fused", out.zbar), ("logits", out.logits)):
        if case.has(f"f64.{key}"):
            assert_close(value, case.get(f"f64.{key}"), 1e-9, 0.0, key)
        else:
            assert_close(value, case.get(f"f64.{key}.as_f32"), 2e-5, 0.0, key)
    assert out.grid[0] * out.grid[1] == out.z.shape[1]
    single = run(case, torch.float32)
    assert_close(single.zbar, case.get("f32.fused"), 2e-5, 0.0, "fused f32")
    assert_close(single.logits, case.get("f32.logits"), 2e-5, 0.0, "logits f32")


def test_train_mode_numbers_are_there_for_batches_of_two_without_dropout(models: Golden) -> None:
    assert [name for name in CASES if models.case(name).has("train_f64.logits")] == IN_TRAIN_MODE
    for name in CASES:
        meta = models.case(name).meta
        assert (meta["B"] == 2 and meta["arch"] != "mobilenetv2") == (name in IN_TRAIN_MODE)


@pytest.mark.parametrize("name", IN_TRAIN_MODE)
def test_train_mode_outputs(models: Golden, name: str) -> None:
    case = models.case(name)
    out = run(case, torch.float64, train=True)
    assert_close(out.zbar, case.get("train_f64.fused"), 1e-9, 0.0, "fused")
    assert_close(out.logits, case.get("train_f64.logits"), 1e-9, 0.0, "logits")


@pytest.mark.parametrize("arch", PAPER_BACKBONES)
@pytest.mark.parametrize("bands", [3, 10, 14])
def test_parameter_and_buffer_counts(models: Golden, arch: str, bands: int) -> None:
    for classes in (10, 15):
        net = build_backbone(arch, bands, classes)
        prefix = f"{arch}.bands{bands}.classes{classes}"
        trainable = sum(p.numel() for p in net.parameters() if p.requires_grad)
        statistics = sum(b.numel() for k, b in net.named_buffers() if "running_" in k)
        assert trainable == models.arrays[f"{prefix}.n_params"]
        assert statistics == models.arrays[f"{prefix}.n_bn_buffers"]


@pytest.mark.parametrize("arch", PAPER_BACKBONES)
@pytest.mark.parametrize("size", [64, 120, 128])
def test_declared_and_real_shapes(models: Golden, arch: str, size: int) -> None:
    net = build_backbone(arch, 3, 10).eval()
    with torch.no_grad():
        out = net(torch.zeros(1, 3, size, size))
    for bands in (3, 10, 14):  # bands change the first convolution alone
        prefix = f"{arch}.bands{bands}.size{size}"
        assert tuple(out.z.shape[1:]) == tuple(models.arrays[f"{prefix}.shape_unfused"])
        assert tuple(out.zbar.shape[1:]) == tuple(models.arrays[f"{prefix}.shape_fused"])
    assert (net.z_dim, net.zbar_dim) == (out.z.shape[2], out.zbar.shape[1])
