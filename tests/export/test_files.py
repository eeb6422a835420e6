"""Exported files say what the student says, whatever reads them, and say what they are."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from ackd.errors import ConfigError, DataError
from ackd.export import Exported, build, export_student, extra, from_folder
from ackd.export.compare import compare, run_graph
from ackd.export.graph import StudentGraph
from ackd.export.samples import drawn
from ackd.students import SceneStudent
from tests.export.students import CLASSES, scenes, write_scenes
from tests.slow import slow
from tests.students.files import SIZE

needs_onnx = pytest.mark.skipif(not extra.has_onnx(), reason="the extra 'export' is not installed")


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> SceneStudent:
    return scenes(tmp_path_factory.mktemp("export") / "student.pt", data="s2s_eu", seed=3)


@pytest.fixture(scope="module")
def images(student: SceneStudent) -> Any:
    return from_folder(student, write_scenes(student.path.parent / "images"), 100)


@pytest.fixture(scope="module")
def onnx_file(student: SceneStudent, images: Any) -> Exported:
    if not extra.has_onnx():
        pytest.skip("the extra 'export' is not installed")
    return export_student(student, data=images)


def pixels_of(count: int = 1) -> np.ndarray:
    draw = np.random.default_rng(1)
    return draw.integers(0, 256, (count, 3, SIZE, SIZE)).astype(np.float32)


def test_onnx_says_what_the_student_says(onnx_file: Exported, student: SceneStudent) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx_file.path, providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_outputs()] == ["logits", "probabilities"]
    for count in (1, 2, 5):  # any batch
        pixels = pixels_of(count)
        logits, probabilities = session.run(None, {"image": pixels})
        for row, said in enumerate(student.predict(pixels)):
            np.testing.assert_allclose(logits[row], said.logits, atol=1e-5)
            np.testing.assert_allclose(probabilities[row], said.probabilities, atol=1e-6)
    pixels[0, 0] = np.nan
    assert np.isfinite(session.run(None, {"image": pixels})[0]).all()


def test_the_file_says_what_it_is(onnx_file: Exported) -> None:
    import onnx

    model = onnx.load(onnx_file.path)
    about = json.loads({one.key: one.value for one in model.metadata_props}["ackd"])
    assert about == onnx_file.about
    assert about["classes"] == list(CLASSES)
    assert about["input"]["bands"] == ["R", "G", "B"]
    assert about["input"]["size"] == [SIZE, SIZE]
    assert about["input"]["value_range"] == [0, 255]
    assert about["normalization"]["mean"] == [90.0, 100.0, 80.0]
    assert about["training"]["test"] == {"oa": 0.9, "f1": 0.88}
    assert about["checked"]["images"] == 12
    assert about["checked"]["real"]
    content = onnx_file.path.read_bytes()
    assert b"site-packages" not in content  # nor any other folder of this machine
    assert str(Path(__file__).parents[2]).encode() not in content


def test_the_card_says_what_a_user_asks(onnx_file: Exported) -> None:
    card = onnx_file.card.read_text(encoding="utf-8")
    assert onnx_file.card.name == "student.onnx.md"
    for text in (
        "forest, river, town", "- Data: s2s_eu", "- Seed: 3", "| OA | 90.0 % |", "NWPU-RESISC45",
        "## Intended use", "## Limits", "R 90 ± 50", "Compared on 12 images of",
        "same class for 100.00 % of images",
    ):  # fmt: skip
        assert text in card
    assert onnx_file.agreement.before == onnx_file.agreement.after
    assert "| OA |" in card.partition("## This file")[2]  # with labels, before and after


@pytest.mark.slow
@needs_onnx
def test_half_weights_and_integers_are_smaller_and_nearly_the_same(tmp_path: Path) -> None:
    student = scenes(tmp_path / "student.pt")
    data, train = drawn(student, 6), drawn(student, 4)
    whole = export_student(student, data=data)
    half = export_student(student, quantize="fp16", data=data)
    integers = export_student(student, quantize="int8", data=data, calibrate=train)
    for found, bound in ((whole, 1e-6), (half, 1e-3), (integers, 0.1)):
        assert found.agreement.relative < bound
    assert half.agreement.relative > whole.agreement.relative  # that something was halved
    assert integers.agreement.relative > half.agreement.relative
    assert half.size < whole.size
    assert half.path.name == "student-fp16.onnx"
    assert "on 4 images of noise" in integers.card.read_text(encoding="utf-8").replace(
        "Calibrated ", ""
    )
    import onnx

    operators = {node.op_type for node in onnx.load(integers.path).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear", "Conv"} <= operators
    assert "BatchNormalization" not in operators


@pytest.mark.parametrize("quantize", [None, slow("fp16")])
def test_pt2_is_read_by_torch_alone(
    quantize: Any, student: SceneStudent, tmp_path: Path, images: Any
) -> None:
    written = export_student(
        student, tmp_path / "s.pt2", format="pt2", quantize=quantize, data=images
    )
    files = {"ackd.json": ""}
    program: Any = torch.export.load(io.BytesIO(written.path.read_bytes()), extra_files=files)
    about = json.loads(files["ackd.json"])
    assert about["classes"] == list(CLASSES)
    assert about["file"]["quantize"] == quantize
    bound = 1e-5 if quantize is None else 1e-2
    for count in (1, 3):
        logits, _ = program.module()(torch.from_numpy(pixels_of(count)))
        expected = np.stack([one.logits for one in student.predict(pixels_of(count))])
        np.testing.assert_allclose(logits, expected, atol=bound)
    assert b"site-packages" not in written.path.read_bytes()


def test_safetensors_are_the_weights(student: SceneStudent, tmp_path: Path) -> None:
    written = export_student(student, tmp_path / "s.safetensors", format="safetensors")
    with safe_open(written.path, "pt") as file:
        about = json.loads(file.metadata()["ackd"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert about["normalization"]["inside"] is False
    for name, value in student.network.state_dict().items():
        torch.testing.assert_close(tensors[name], value)
    assert "to be done before" in written.card.read_text(encoding="utf-8")
    assert any("on noise" in sentence for sentence in written.warnings)


def test_a_file_that_says_other_things_is_not_written(
    student: SceneStudent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = build.safetensors_bytes

    def wrong(*arguments: Any, **options: Any) -> bytes:
        with torch.no_grad():
            student.network.head.bias += 0.1  # type: ignore[union-attr,operator]
            try:
                return right(*arguments, **options)
            finally:
                student.network.head.bias -= 0.1  # type: ignore[union-attr,operator]

    monkeypatch.setattr(build, "safetensors_bytes", wrong)
    place = tmp_path / "s.safetensors"
    place.write_bytes(b"earlier")
    with pytest.raises(DataError, match=r"says other things than the student: on 8 images"):
        export_student(student, place, format="safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["s.safetensors"]
    assert place.read_bytes() == b"earlier"


def test_what_is_not_finite_is_not_taken_for_agreement(student: SceneStudent) -> None:
    ours = run_graph(StudentGraph(student).eval())
    with pytest.raises(DataError, match="The file says something that is not finite"):
        compare(student, ours, lambda pixels: ours(pixels) * np.float32("nan"), drawn(student, 2))


def test_words_that_do_not_fit_are_told(student: SceneStudent, tmp_path: Path) -> None:
    for options, said in (
        ({"format": "onxx"}, "There is no format 'onxx'.*Did you mean 'onnx'"),
        ({"quantize": "int9"}, "no quantization 'int9'.*Did you mean 'int8'"),
        ({"format": "pt2", "quantize": "int8"}, "int8 is for --format onnx"),
        ({"format": "safetensors", "static": True}, "safetensors has weights, and no shapes"),
        ({"size": (24, 24)}, "--size is that of --static"),
        ({"format": "pt2", "path": tmp_path / "a.onnx"}, r"does not end with \.pt2"),
        ({"format": "pt2", "path": tmp_path}, "is a folder"),
    ):
        with pytest.raises(ConfigError, match=said):
            export_student(student, **options)  # type: ignore[arg-type]


def test_int8_needs_training_images(student: SceneStudent) -> None:
    if not extra.has_onnx():
        pytest.skip("the extra 'export' is not installed")
    with pytest.raises(ConfigError, match="--calibrate DIR"):
        export_student(student, quantize="int8")


def test_without_the_extra_the_way_to_it_is_told(
    student: SceneStudent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None if "runtime" in name else name)
    with pytest.raises(ConfigError, match=r"needs onnxruntime.*pip install 'ackd\[export\]'"):
        export_student(student)
    assert export_student(student, tmp_path / "s.safetensors", format="safetensors").size


def test_a_graph_that_cannot_be_computed_is_told(student: SceneStudent) -> None:
    from ackd.export.onnx_file import run_session

    class Session:
        def run(self, *given: Any) -> None:
            raise RuntimeError("invalid index found")

    ours = run_graph(StudentGraph(student).eval())
    with pytest.raises(DataError, match=r"for 1 images of 24x24 .*invalid index.*--static writes"):
        compare(student, ours, run_session(Session()), drawn(student, 2))
