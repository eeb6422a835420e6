"""A student starts from a teacher with other bands, or from a file."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import mobilenet_v2

from ackd.errors import ConfigError
from ackd.segmentation import SegmentationNetwork, build_network, load_weights, start_from
from ackd.segmentation.transfer import adapt_bands
from tests.conftest import SHARED
from tests.segmentation.catalogue import EVERY, LARGE, OWN, SIDES, made
from tests.slow import slow

SUMS = {"mean": 3.028463029121757, "cyclic": 4.419285734070794, "baseline": 5.892380978761057}


def moved(key: str, bands: int, seed: int = 0, classes: int = 2) -> SegmentationNetwork:
    """A network whose running means are not those that all begin with."""
    network = made(key, bands, classes, seed)
    torch.manual_seed(seed)
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            torch.nn.init.normal_(buffer)
    return network


def weight_of_the_reference() -> torch.Tensor:
    """The draws of the reference script after those for its discriminator and its two maps."""
    rng = np.random.default_rng(20)
    channels, width = 2, 4
    widths = [channels, width, 2 * width, 4 * width, 8 * width, 1]
    for inputs, outputs in itertools.pairwise(widths):
        rng.standard_normal((outputs, inputs, 4, 4))
        rng.standard_normal(outputs)
    rng.standard_normal((2, 1, 64, 96))
    rng.standard_normal((2, 1, 64, 96))
    return torch.from_numpy(rng.standard_normal((2, 3, 3, 3)))


def test_the_first_convolution_of_the_reference() -> None:
    weight = weight_of_the_reference()
    assert weight.sum().item() == pytest.approx(SUMS["mean"], abs=1e-9)
    for way, expected in SUMS.items():
        adapted = adapt_bands(weight, 4, way)  # type: ignore[arg-type]
        assert adapted is not None
        assert adapted.shape == (2, 4, 3, 3)
        assert adapted.sum().item() == pytest.approx(expected, abs=1e-9)
    path = SHARED / "golden" / "sar" / "c6_adversarial.json"
    if path.is_file():
        stored = json.loads(path.read_text(encoding="utf-8"))["first_conv"]
        assert stored["sum_mean"] == pytest.approx(SUMS["mean"], abs=1e-12)
        assert stored["sum_cyclic"] == SUMS["cyclic"]
        assert stored["sum_baseline_2001"] == SUMS["baseline"]


@pytest.mark.parametrize(
    ("key", "bands"),
    [slow(key, (3, 4)) if key in LARGE else (key, (3, 4)) for key in EVERY]
    + [(key, bands) for key in OWN for bands in ((3, 3), (4, 2))],
)
def test_everything_is_copied_and_grey_images_are_answered_alike(
    key: str, bands: tuple[int, int]
) -> None:
    teacher, student = moved(key, bands[0]).eval(), moved(key, bands[1], seed=1).eval()
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    assert start_from(student, teacher) == ()
    after = teacher.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    own = student.state_dict()
    changed = [name for name in own if own[name].shape != before[name].shape]
    assert all(torch.equal(own[n], before[n]) for n in own if n not in changed)
    assert len(changed) == (0 if bands[0] == bands[1] else 2 if key in TWO else 1)
    side = SIDES.get(key, 64)
    grey = torch.randn(1, 1, side, side)
    with torch.no_grad():
        first, second = (
            net(grey.expand(-1, net.bands, -1, -1)).logits for net in (teacher, student)
        )
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4)


# A last step that reads the images too; a residual block of which both paths read them.
TWO = ("unet_mobilenetv2", "pspnet")


def test_the_last_step_keeps_what_reads_features() -> None:
    teacher, student = moved("unet_mobilenetv2", 3), moved("unet_mobilenetv2", 4, seed=1)
    start_from(student, teacher)
    name = "parts.d5.convolutions.0.0.weight"
    theirs, own = teacher.state_dict()[name], student.state_dict()[name]
    assert (theirs.shape[1], own.shape[1]) == (19, 20)
    assert torch.equal(own[:, :16], theirs[:, :16])
    mean = theirs[:, 16:].mean(dim=1, keepdim=True) * 3 / 4
    torch.testing.assert_close(own[:, 16:], mean.expand(-1, 4, -1, -1))


def test_what_is_not_copied_is_named() -> None:
    teacher = moved("tiny", 3, classes=2)
    student = moved("tiny", 4, seed=1, classes=5)
    own = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    left = start_from(student, teacher, first="random")
    assert left == (
        "parts.e1.0.0.0.weight (8, 3, 3, 3) for (8, 4, 3, 3)",
        "parts.fin.weight (1, 8, 1, 1) for (5, 8, 1, 1)",
        "parts.fin.bias (1,) for (5,)",
    )
    after = student.state_dict()
    for text in left:
        name = text.partition(" ")[0]
        assert torch.equal(after[name], own[name])


def test_what_cannot_start_is_refused() -> None:
    tiny = moved("tiny", 3)
    with pytest.raises(ConfigError, match=r"UNet with .* and PSPNet with .* not the same arch"):
        start_from(tiny, moved("pspnet", 3))
    with pytest.raises(ConfigError, match=r"only one of them has parts"):
        start_from(tiny, moved("unet_mobilenetv2", 3))
    with pytest.raises(ConfigError, match=r"three bands that become four, not for 3 that become 2"):
        start_from(moved("tiny", 2), tiny, first="baseline")
    with pytest.raises(ConfigError, match=r"first=cyclical.*Did you mean 'cyclic'"):
        start_from(moved("tiny", 2), tiny, first="cyclical")  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("bands", [3, 4])
def test_a_file_of_torchvisions_mobilenet(tmp_path: Path, suffix: str, bands: int) -> None:
    torch.manual_seed(3)
    published = mobilenet_v2().state_dict()
    path = tmp_path / f"mobilenet{suffix}"
    torch.save(published, path) if suffix == ".pt" else save_file(published, path)
    network = build_network("unet_mobilenetv2", bands, weights=str(path))
    own = network.state_dict()
    names = network.published
    # Everything up to block_16_project: 52 convolutions and 51 batch normalizations, less the
    # classifier's convolution.
    assert {name.split(".")[0] for name in names} == {"features"}
    assert "features.17.conv.2.weight" in names
    assert "features.17.conv.3.weight" not in names
    for theirs, name in names.items():
        if theirs == "features.0.0.weight" and bands == 4:
            mean = published[theirs].mean(1, keepdim=True).expand(-1, 4, -1, -1) * 3 / 4
            torch.testing.assert_close(own[name], mean)
        else:
            assert torch.equal(own[name], published[theirs]), name
    encoder = {n for n in own if n.split(".")[1] in network.encoder_layers}
    assert encoder == set(names.values())


@pytest.mark.parametrize("wrap", ["bare", "student", "checkpoint"])
def test_a_file_of_ones_own(tmp_path: Path, wrap: str) -> None:
    teacher = moved("unet_mobilenetv2", 3)
    given = teacher.state_dict()
    content = {
        "bare": given,
        "student": {"state_dict": given},
        "checkpoint": {"state_dict": {f"network.{n}": t for n, t in given.items()}},
    }[wrap]
    torch.save(content, tmp_path / "w.pt")
    fit = load_weights(moved("unet_mobilenetv2", 3, seed=1), tmp_path / "w.pt")
    assert not fit.missing
    assert not fit.other_shape
    student = moved("unet_mobilenetv2", 4, seed=2)
    load_weights(student, tmp_path / "w.pt")
    expected = moved("unet_mobilenetv2", 4, seed=3)
    start_from(expected, teacher)
    own = student.state_dict()
    assert all(torch.equal(own[n], t) for n, t in expected.state_dict().items())


@pytest.mark.parametrize("part", ["whole", "encoder", "timm"])
def test_a_file_of_the_library(tmp_path: Path, part: str) -> None:
    key = "unet/tu-test_resnet" if part == "timm" else "unet/mobilenet_v2"
    other = moved(key, 3, seed=1).model
    inner = {
        "whole": other,
        "encoder": other.encoder,
        "timm": getattr(other.encoder, "model", None),
    }
    torch.save(inner[part].state_dict(), tmp_path / "w.pt")
    network = build_network(bands=3, weights=tmp_path / "w.pt", **EVERY[key])
    theirs = other.encoder.state_dict()
    assert all(torch.equal(t, theirs[n]) for n, t in network.model.encoder.state_dict().items())


def test_a_file_of_something_else(tmp_path: Path) -> None:
    torch.save({"weights": {"a.weight": torch.zeros(3)}}, tmp_path / "w.pt")
    with pytest.raises(ConfigError, match=r"none of the 1 tensors of the file fits.*a\.weight"):
        build_network("tiny", 3, weights=tmp_path / "w.pt")
    with pytest.raises(ConfigError, match=r"weights=.*nothing\.pt is not a file.*weights=imagenet"):
        build_network("tiny", 3, weights=tmp_path / "nothing.pt")
