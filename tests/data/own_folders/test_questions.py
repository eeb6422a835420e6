"""What cannot be known is asked for, all at once, with the commands that answer it."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from ackd.data.own_folders.questions import option_word
from ackd.data.sensors import EUROSAT_BANDS, SENTINEL2
from tests.data.layouts import write_tif
from tests.data.own_folders.folders import (
    describe,
    look,
    refusal,
    write_own,
)
from tests.data.patch_layouts import numbered_pixels, rgb_pixels


def test_an_order_that_cannot_be_known_is_asked_for(tmp_path: Path) -> None:
    write_own(tmp_path, bands=13)
    text = refusal(tmp_path)
    assert "13 bands, uint16, values 100" in text
    assert "looks like Sentinel-2 reflectance x 10000" in text
    commands = [line for line in text.splitlines() if line.startswith("  python -m ackd.train")]
    assert len(commands) == 3
    for order in (SENTINEL2.names, EUROSAT_BANDS):
        (command,) = (line for line in commands if f"[{','.join(order)}]" in line)
        words = dict(word.partition("=")[::2] for word in shlex.split(command)[3:])
        assert words["data"] == "folders"
        assert words["data.ms"] == str(tmp_path / "ms")
        said = {"sensor": words["data.sensor"], "file_bands": list(order)}
        assert describe(tmp_path, **said)[1]["ms"].sensor is SENTINEL2
    assert "data.sensor=generic" in commands[-1]
    assert describe(tmp_path, sensor="generic")[1]["ms"].file_bands[12] == "b13"
    assert len(look(tmp_path, sensor="sentinel2").questions[0].answers) == 2


def test_the_order_that_the_darkest_band_fits_is_offered_first(tmp_path: Path) -> None:
    for order in (SENTINEL2.names, EUROSAT_BANDS):
        write_own(tmp_path, bands=13)
        dark = order.index("B10")
        pixels = numbered_pixels(13)
        pixels[dark] = 9
        write_tif(tmp_path / "ms" / "field" / "1.tif", pixels)
        first, second, _ = look(tmp_path).questions[0].answers
        assert first.options["data.file_bands"] == list(order)
        assert f"band {dark + 1}, the darkest one, is then B10" in first.meaning
        assert "darkest" not in second.meaning
        # also where the camera is known and the order alone is asked for
        first, second = look(tmp_path, sensor="sentinel2").questions[0].answers
        assert first.options["data.file_bands"] == list(order)
        assert "the darkest one" in first.meaning


@pytest.mark.parametrize(("bands", "orders"), [(4, 0), (6, 0), (10, 2), (12, 1), (14, 0)])
def test_only_telling_numbers_of_bands_are_asked_about(
    tmp_path: Path, bands: int, orders: int
) -> None:
    write_own(tmp_path, bands=bands)
    questions = look(tmp_path).questions
    assert [len(question.answers) - 1 for question in questions] == ([orders] if orders else [])


@pytest.mark.parametrize(
    ("dtype", "factor", "sensor"),
    [("uint16", 1, "sentinel2"), ("int32", 1, "sentinel2"), ("uint32", 1, "sentinel2"),
     ("float32", 1, "sentinel2"), ("float64", 1, "sentinel2"),
     ("float32", 1e-4, "sentinel2_unscaled"), ("float64", 1e-4, "sentinel2_unscaled")],
)  # fmt: skip
def test_the_number_type_does_not_decide_whether_the_camera_is_asked_for(
    tmp_path: Path, dtype: str, factor: float, sensor: str
) -> None:
    write_own(tmp_path, bands=12)
    write_tif(tmp_path / "ms/field/1.tif", (numbered_pixels(12) * factor).astype(dtype))
    (question,) = look(tmp_path).questions
    assert question.kind == "camera not known"
    assert question.answers[0].options["data.sensor"] == sensor


def test_rgb_that_is_not_square_is_said_to_change_its_proportions(tmp_path: Path) -> None:
    write_own(tmp_path)
    write_tif(tmp_path / "rgb/field/0.tif", rgb_pixels(8)[:, :6])
    own = look(tmp_path)
    (said,) = (remark for remark in own.remarks if "resized" in remark)
    assert own.size == 8
    assert "(6x8 in 0.tif) are not square and are resized to 8x8" in said
    assert "data.size=8" not in said


def test_rgb_is_resized_to_the_ms_size_unless_told_otherwise(tmp_path: Path) -> None:
    write_own(tmp_path, rgb_size=32)
    own = look(tmp_path)
    assert own.size == 8
    (said,) = (remark for remark in own.remarks if "resized" in remark)
    assert "RGB images (32x32 in 1.jpg) are resized to 8x8" in said
    assert (
        "data.size=32 keeps their pixels, resizes the MS images instead, and takes 16 times" in said
    )
    assert look(tmp_path, size=16).size == 16
    assert look(tmp_path, size="found").size is None
    assert not [remark for size in (16, "found") for remark in look(tmp_path, size=size).remarks
                if "resized" in remark]  # fmt: skip


def test_images_that_are_not_square_are_asked_about(tmp_path: Path) -> None:
    write_own(tmp_path)
    write_tif(tmp_path / "ms" / "field" / "1.tif", numbered_pixels(5)[:, :6])
    text = refusal(tmp_path)
    assert "MS images are 6x8 pixels" in text
    assert [line.rpartition(" ")[2] for line in text.splitlines() if "python" in line] == [
        "data.size=8", "data.size=found",
    ]  # fmt: skip


def test_everything_is_asked_at_once_with_one_command(tmp_path: Path) -> None:
    write_own(tmp_path, ("field", "wood", "bog"), bands=13)
    shutil.rmtree(tmp_path / "rgb" / "bog")
    write_tif(tmp_path / "ms" / "bog" / "1.tif", numbered_pixels(13)[:, :6])
    text = refusal(tmp_path)
    assert text.startswith("These data cannot train yet: 3 things must be said first.")
    for command in (line for line in text.splitlines() if "python -m" in line):
        for option in ("data.classes=[field,wood]", "data.size=8", "data.sensor="):
            assert option in command


def test_a_number_type_that_cannot_be_read_is_said_first(tmp_path: Path) -> None:
    write_own(tmp_path)
    write_tif(tmp_path / "ms" / "field" / "1.tif", np.ones((5, 8, 8), np.complex64))
    text = refusal(tmp_path)
    assert "1.tif holds complex64; expected uint8, uint16, int16, float32" in text


def test_words_of_a_command() -> None:
    assert option_word("data.ms", "/my data/é") == "'data.ms=/my data/é'"
    assert option_word("data.classes", ["a", "two words", "1", "null", "é"]) == (
        """'data.classes=[a,"two words","1","null","é"]'"""
    )
