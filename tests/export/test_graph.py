"""The graph that is exported says what the student says, also of pixels without data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ackd.errors import ConfigError
from ackd.export.graph import StudentGraph, static_size
from ackd.export.samples import Sample, whole_strides
from tests.export.students import decibels, scenes, tiles
from tests.students.files import SEVERAL, SIZE


def logits_of(graph: StudentGraph, pixels: np.ndarray) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = graph(torch.from_numpy(pixels[None]))[0][0]
    return found


def test_scenes_are_normalised_inside(tmp_path: Path) -> None:
    student = scenes(tmp_path / "student.pt", nodata="zero")
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE)).astype(np.float32)
    graph = StudentGraph(student).eval()
    said = student.predict(pixels)
    np.testing.assert_allclose(logits_of(graph, pixels), said.logits, atol=1e-5)
    with torch.no_grad():
        _, probabilities = graph(torch.from_numpy(pixels[None]))
    np.testing.assert_allclose(probabilities[0], said.probabilities, atol=1e-6)
    pixels[1, :9] = np.nan
    blank = student.predict(pixels, invalid="zero").logits
    assert np.abs(blank - said.logits).max() > 1e-3
    pixels[1, 3] = np.inf  # not finite either way
    np.testing.assert_allclose(logits_of(graph, pixels), blank, atol=1e-5)


def test_several_labels_are_judged_each_by_itself(tmp_path: Path) -> None:
    student = scenes(tmp_path / "student.pt", task=SEVERAL)
    graph = StudentGraph(student).eval()
    logits = torch.tensor([[2.0, -1.0, 0.5]])
    torch.testing.assert_close(graph.probabilities(logits), logits.sigmoid())


@pytest.mark.parametrize(
    ("changed", "hole"),
    [
        ({}, (np.nan, -12.0)),
        ({}, (-np.inf, -12.0)),
        ({}, (0.0, 0.0)),
        ({"nodata": -99.0}, (-99.0, -99.0)),
    ],
    ids=["nan", "infinite", "zero", "nodata"],
)
def test_pixels_without_data_are_the_mean_in_all_bands(
    changed: dict[str, object], hole: tuple[float, float], tmp_path: Path
) -> None:
    student = tiles(tmp_path / "student.pt", **changed)
    image = decibels(37, 50)
    image[:, 4:9, 6:20] = np.array(hole, np.float32)[:, None, None]
    said = student.predict(image)
    assert not said.valid[5, 7]
    given = whole_strides(Sample(image), student.stride).pixels
    graph = StudentGraph(student).eval()
    with torch.no_grad():
        _, probabilities = graph(torch.from_numpy(given[None]))
    top, left = (-37 % student.stride) // 2, (-50 % student.stride) // 2
    inner = probabilities[0, :, top : top + 37, left : left + 50].numpy()
    np.testing.assert_allclose(inner[:, said.valid], said.probabilities[:, said.valid], atol=1e-5)


def test_zeros_are_numbers_where_training_took_them_so(tmp_path: Path) -> None:
    image = decibels(32, 32)
    other = image.copy()
    other[:, 10:20, 10:20] = 0
    mean = np.array([-12.0, -18.0], np.float32)[:, None, None]
    blank = np.where(other == 0, mean, other)
    for zero, alike in ((True, blank), (False, other)):
        student = tiles(tmp_path / "student.pt", zero_is_nodata=zero)
        graph = StudentGraph(student).eval()
        plain = tiles(tmp_path / "plain.pt", zero_is_nodata=False)
        torch.testing.assert_close(
            logits_of(graph, other), logits_of(StudentGraph(plain).eval(), alike)
        )
    assert np.abs(blank - other).max() > 1


def test_decibels_of_linear_images_have_no_such_marks(tmp_path: Path) -> None:
    graph = StudentGraph(tiles(tmp_path / "student.pt", unit="linear", nodata=-99.0))
    assert graph.marker is None
    assert not graph.zero_is_nodata


def test_a_static_size_fits_the_network(tmp_path: Path) -> None:
    student = tiles(tmp_path / "student.pt", size=[30, 33])
    stride = student.stride
    assert static_size(student, None) == (-(-30 // stride) * stride, -(-33 // stride) * stride)
    assert static_size(student, (64, 32)) == (64, 32)
    with pytest.raises(ConfigError, match=rf"sides that {stride} divides; give --size"):
        static_size(student, (65, 32))
    with pytest.raises(ConfigError, match="does not say the size"):
        static_size(tiles(tmp_path / "old.pt", size="left out"), None)
    one = scenes(tmp_path / "scenes.pt")
    assert static_size(one, None) == (SIZE, SIZE)
    with pytest.raises(ConfigError, match="leave --size out"):
        static_size(one, (64, 64))
