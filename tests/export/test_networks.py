"""Every network of the package goes through every format, and says the same afterwards."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ackd
from ackd.backbones import build_backbone
from ackd.export import export_student, extra, from_folder
from ackd.export.compare import compare, run_graph
from ackd.export.graph import StudentGraph
from ackd.export.onnx_file import onnx_session, run_session, serialized, to_onnx
from ackd.export.quantise import half_weights, to_int8
from ackd.export.samples import Sample, drawn
from ackd.segmentation import build_network
from tests.cli.running import environment
from tests.export.students import decibels, scenes, tiles
from tests.students.files import scene_file, tile_file

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not extra.has_onnx(), reason="the extra 'export' is not installed"),
]
DOC = Path(__file__).parents[2] / "docs" / "export.md"
SIDE = 64
BACKBONES = ("mobilenetv2", "resnet34", "shufflenetv2_x0_5")
NETWORKS: dict[str, dict[str, Any]] = {
    "tiny": {"name": "tiny", "width": 8},
    "unet_mobilenetv2": {"name": "unet_mobilenetv2"},
    "pspnet": {"name": "pspnet"},
    "deeplab": {"name": "smp", "arch": "deeplabv3plus", "encoder": "mobilenet_v2"},
}


def backbone_student(name: str, path: Path) -> Any:
    """With statistics of batch normalization that belong to the images."""
    options = {"name": name, "head": "paper", "pretrained": False}
    torch.manual_seed(0)
    network = build_backbone(**options, bands=3, classes=3)
    for _ in range(10):
        network(torch.randn(8, 3, SIDE, SIDE))
    return ackd.load_student(
        scene_file(
            path, backbone=options, state_dict=network.state_dict(), size=SIDE,
            resize={"height": SIDE, "width": SIDE},
        )
    )  # fmt: skip


def network_student(name: str, path: Path) -> Any:
    options = NETWORKS[name]
    torch.manual_seed(0)
    network = build_network(**options, bands=2, classes=2)
    for _ in range(10):
        network(torch.randn(4, 2, SIDE, SIDE))
    return ackd.load_student(
        tile_file(
            path, network=options, state_dict=network.state_dict(), stride=network.stride,
            size=[SIDE, SIDE],
        )
    )  # fmt: skip


#: Of the largest logit: what integers may cost a network with random weights, whose logits are
#: close together. Depthwise convolutions lose most.
INTEGERS = {"mobilenetv2": 0.6, "deeplab": 0.4, "pspnet": 0.3}


@pytest.mark.parametrize("name", [*BACKBONES, *NETWORKS])
def test_onnx_says_what_the_network_says(name: str, tmp_path: Path) -> None:
    make = network_student if name in NETWORKS else backbone_student
    student = make(name, tmp_path / "student.pt")
    data, train = drawn(student, 6), drawn(student, 12)
    ours = run_graph(StudentGraph(student).eval())
    model = to_onnx(student)  # once: tracing takes most of the time
    variants = {
        "float32": (model, 1e-5),
        "fp16": (half_weights(model), 2e-2),
        "int8": (to_int8(model, student, train, None), INTEGERS.get(name, 0.15)),
    }
    sizes = {}
    for weights, (variant, bound) in variants.items():
        content = serialized(variant, {})
        found = compare(student, ours, run_session(onnx_session(content)), data)
        assert found.logit_difference < bound * found.largest_logit, weights
        sizes[weights] = len(content)
    assert sizes["fp16"] < 0.6 * sizes["float32"]
    assert sizes["int8"] < 0.5 * sizes["float32"]
    if name in NETWORKS:
        session = onnx_session(serialized(model, {}))
        stride = student.stride
        for count, rows, cols in ((1, 1, 1), (3, 2, 4), (1, 5, 3)):  # any batch, any size
            images = np.stack([decibels(rows * stride, cols * stride, i) for i in range(count)])
            _, masks = session.run(None, {"image": images})
            for one, said in zip(masks, student.predict(images, check=False), strict=True):
                np.testing.assert_allclose(one, said.probabilities, atol=1e-4)


@pytest.mark.parametrize("name", ["resnet34", "unet_mobilenetv2"])
def test_pt2_says_what_the_network_says(name: str, tmp_path: Path) -> None:
    make = network_student if name in NETWORKS else backbone_student
    student = make(name, tmp_path / "student.pt")
    written = export_student(student, format="pt2", quantize="fp16", data=drawn(student, 6))
    found = written.agreement
    assert 0 < found.logit_difference < 2e-2 * found.largest_logit
    assert written.size < 0.7 * student.path.stat().st_size


def test_static_files_take_one_size(tmp_path: Path) -> None:
    import onnxruntime

    student = tiles(tmp_path / "student.pt")
    written = export_student(student, static=True, size=(48, 64), data=drawn(student, 2))
    session = onnxruntime.InferenceSession(written.path, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [1, 2, 48, 64]
    assert written.about["input"]["batch"] == 1
    image = decibels(48, 64)
    _, found = session.run(None, {"image": image[None]})
    np.testing.assert_allclose(found[0], student.predict(image).probabilities, atol=1e-5)


@pytest.mark.parametrize("kind", ["scenes", "tiles"])
def test_the_program_of_the_documents_needs_neither_ackd_nor_torch(
    kind: str, tmp_path: Path
) -> None:
    (code,) = re.findall(r"```python\n(# use_student\.py\n.*?)```", DOC.read_text(), re.S)
    code += "assert not {'ackd', 'torch'} & set(sys.modules)\n"
    (tmp_path / "use_student.py").write_text(code)
    student: Any = (scenes if kind == "scenes" else tiles)(tmp_path / "student.pt")
    image = (
        np.random.default_rng(0).integers(0, 256, (3, *student.size), dtype=np.uint8)
        if kind == "scenes"
        else decibels(37, 50)
    )
    np.save(tmp_path / "image.npy", image)
    export_student(student)
    done = subprocess.run(
        [sys.executable, "use_student.py", "student.onnx", "image.npy"], cwd=tmp_path,
        env=environment(tmp_path) | {"PYTHONPATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = student.predict(image)
    if kind == "scenes":
        assert done.stdout.split() == [said.label, f"{said.probability:.3f}"]
    else:
        for line in done.stdout.splitlines():
            name, share = line.split()
            assert float(share) == pytest.approx(said.shares[name], abs=1e-3)
        assert 0.02 < said.shares["building"] < 0.98


def test_calibration_is_on_the_images_that_are_given(tmp_path: Path, shared_data: Path) -> None:
    student = scenes(tmp_path / "student.pt")
    ours = run_graph(StudentGraph(student).eval())
    images = from_folder(student, shared_data / "EuroSAT_RGB", 60, labels=False)
    real, train = (replace(images, images=images.images[half::2]) for half in (0, 1))
    # Calibrated on images that are all gray, integers have no room for colors.
    gray = student.mean.numpy()
    flat = tuple(Sample(gray + 0.02 * (one.pixels - gray)) for one in train.images)
    model = to_onnx(student)
    apart = {}
    for called, samples in (("train", train), ("flat", replace(train, images=flat))):
        content = serialized(to_int8(model, student, samples, None), {})
        found = compare(student, ours, run_session(onnx_session(content)), real)
        apart[called] = found.logit_difference / found.largest_logit
    assert found.real
    assert apart["train"] < 0.2
    assert apart["flat"] > 2 * apart["train"]


def test_the_python_of_the_documents_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.export.students import write_scenes

    monkeypatch.chdir(tmp_path)
    scene_file(tmp_path / "student.pt")
    write_scenes(tmp_path / "TEST_IMAGES")
    (code,) = re.findall(r"```python\n(import ackd\n.*?)```", DOC.read_text(), re.S)
    exec(compile(code, str(DOC), "exec"), {})
    assert "student.onnx 1.0 ['forest', 'river', 'town']" in capsys.readouterr().out
