"""Every network of the package goes through every format, and says the same afterwards."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ackd
from ackd.backbones import build_backbone
from ackd.export import export_student, extra, from_folder
from ackd.export.samples import drawn
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


@pytest.mark.parametrize("name", [*BACKBONES, *NETWORKS])
def test_a_network_goes_through_every_format(name: str, tmp_path: Path) -> None:
    make = network_student if name in NETWORKS else backbone_student
    student = make(name, tmp_path / "student.pt")
    data, train = drawn(student, 6), drawn(student, 12)
    sizes = {}
    for format, quantize, bound, alike in (
        ("onnx", None, 1e-4, 0.999), ("onnx", "fp16", 2e-2, 0.97), ("onnx", "int8", 0.5, 0.8),
        ("pt2", None, 1e-5, 1.0), ("safetensors", "fp16", 2e-2, 0.97),
    ):  # fmt: skip
        written = export_student(
            student, format=format, quantize=quantize, data=data, calibrate=train
        )  # type: ignore[call-overload]
        assert written.agreement.relative < bound, (format, quantize)
        assert written.agreement.same >= alike, (format, quantize)
        sizes[quantize if format == "onnx" else format] = written.size
    assert sizes["fp16"] < 0.6 * sizes[None]
    assert sizes["int8"] < 0.45 * sizes[None]


@pytest.mark.parametrize("name", NETWORKS)
def test_masks_of_any_batch_and_size(name: str, tmp_path: Path) -> None:
    import onnxruntime

    student = network_student(name, tmp_path / "student.pt")
    path = export_student(student, data=drawn(student, 2)).path
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    stride = student.stride
    for count, rows, cols in ((1, 1, 1), (3, 2, 4), (1, 5, 3)):
        images = np.stack([decibels(rows * stride, cols * stride, i) for i in range(count)])
        _, found = session.run(None, {"image": images})
        for one, said in zip(found, student.predict(images, check=False), strict=True):
            np.testing.assert_allclose(one, said.probabilities, atol=1e-4)


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


@pytest.mark.parametrize("unlike", [False, True])
def test_real_images_decide_what_integers_cost(
    unlike: bool, tmp_path: Path, shared_data: Path
) -> None:
    student = backbone_student("mobilenetv2", tmp_path / "student.pt")
    real = from_folder(student, shared_data / "EuroSAT_RGB", 40, labels=False)
    train = from_folder(student, shared_data / "EuroSAT_RGB", 60, labels=False)
    if unlike:  # calibrated on darkness, its integers have no room for light
        for one in train.images:
            one.pixels[:] = one.pixels * 0.02
    found = export_student(student, quantize="int8", data=real, calibrate=train).agreement
    assert found.real
    assert (found.relative < 0.5) is not unlike


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
