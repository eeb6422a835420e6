"""A user's own class folders: any bands, any size, four number types, and clear refusals."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ackd.data.assemble import load_benchmark
from ackd.data.datasets.listing import list_side
from ackd.data.options import FolderOptions
from ackd.data.own_folders import OwnData, ready
from ackd.data.own_folders.questions import option_word
from ackd.data.reading.multispectral import resize_bands
from ackd.data.sensors import EUROSAT_BANDS, SENSORS, SENTINEL2, rgb_bands
from ackd.errors import ConfigError, DataError
from tests.data.layouts import write_jpg, write_tif
from tests.data.patch_layouts import numbered_pixels, rgb_pixels
from tests.data.small_archives import load_own


def write_own(
    root: Path,
    classes: tuple[str, ...] = ("field", "wood"),
    *,
    bands: int = 5,
    names: Sequence[str] | None = None,
    images: int = 5,
    size: int = 8,
    rgb_size: int = 8,
) -> None:
    for label in classes:
        for number in range(1, images + 1):
            pixels = numbered_pixels(bands, size)
            write_tif(root / "ms" / label / f"{number}.tif", pixels, descriptions=names)
            write_jpg(root / "rgb" / label / f"{number}.jpg", number, rgb_size)


def look(root: Path, **options: Any) -> OwnData:
    return OwnData.look(root / "ms", root / "rgb", **options)


def describe(root: Path, **options: Any) -> Any:
    own = ready(look(root, **options))
    return own.class_map, own.sources


def refusal(root: Path, **options: Any) -> str:
    with pytest.raises((ConfigError, DataError)) as caught:
        describe(root, **options)
    return str(caught.value)


def test_classes_are_folders_and_bands_are_numbered(tmp_path: Path) -> None:
    write_own(tmp_path)
    class_map, sources = describe(tmp_path)
    assert class_map.classes == ("field", "wood")
    assert class_map.paper_counts == {}
    assert sources["ms"].sensor.names == ("b1", "b2", "b3", "b4", "b5")
    ms = list_side(tmp_path / "ms", "ms", ["ms"], class_map, sources)
    rgb = list_side(tmp_path / "rgb", "rgb", ["rgb"], class_map, sources)
    assert [record.file for record in ms.records] == [
        f"{label}/{number}.tif" for label in ("field", "wood") for number in range(1, 6)
    ]
    assert ms.labels.tolist() == rgb.labels.tolist() == [0] * 5 + [1] * 5
    assert not set(ms.scene_ids) & set(rgb.scene_ids)  # 1.tif and 1.jpg are two places
    image = sources["ms"].read(tmp_path / "ms" / ms.records[0].file, ("b4", "b2"), None)
    assert (image // 1000)[:, 0, 0].tolist() == [4, 2]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("size", [None, 6, 12])
def test_number_types_and_sizes(tmp_path: Path, dtype: str, size: int | None) -> None:
    write_own(tmp_path, bands=2)
    pixels = np.full((2, 7, 9), -5 if dtype == "int16" else 5).astype(dtype)
    path = write_tif(tmp_path / "ms" / "field" / "2.tif", pixels)
    _, sources = describe(tmp_path)
    image = sources["ms"].read(path, ("b2",), size)
    assert image.dtype == dtype
    assert image.shape == ((1, 7, 9) if size is None else (1, size, size))
    assert np.unique(image).tolist() == [pixels[0, 0, 0]]
    photograph = write_tif(tmp_path / "rgb" / "field" / "7.tif", rgb_pixels(7))
    assert sources["rgb"].read(photograph, ("R", "G", "B"), None).shape == (3, 7, 7)


@given(
    dtype=st.sampled_from(["uint8", "uint16", "int16", "float32"]),
    size=st.integers(1, 20),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_resizing_never_leaves_the_range_of_the_image(dtype: str, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = (rng.integers(-128, 128, (2, 9, 7)) * 255).astype(np.int64)
    limits = np.iinfo(dtype) if dtype != "float32" else np.iinfo("int32")
    pixels = pixels.clip(limits.min, limits.max).astype(dtype)
    resized = resize_bands(pixels, size)
    assert resized.shape == (2, size, size)
    assert resized.dtype == dtype
    for before, after in zip(pixels, resized, strict=True):
        assert before.min() <= after.min() <= after.max() <= before.max()


def test_other_types_and_holes_are_refused(tmp_path: Path) -> None:
    write_own(tmp_path)
    _, sources = describe(tmp_path)
    path = tmp_path / "ms" / "field" / "1.tif"
    write_tif(path, np.ones((5, 8, 8), np.complex64))
    with pytest.raises(DataError, match="holds complex64; expected uint8 or uint16 or int16"):
        sources["ms"].read(path, ("b1",), 8)
    write_tif(path, np.full((5, 8, 8), np.nan, np.float32))
    with pytest.raises(
        DataError, match=r"64 invalid pixels \(100 % of the image\) in band b1: nan"
    ):
        sources["ms"].read(path, ("b1",), 8)
    write_tif(path, np.ones((4, 8, 8), np.uint16))
    with pytest.raises(DataError, match=r"has 4 bands; expected 5 \(b1, b2"):
        sources["ms"].read(path, ("b1",), 8)


def test_all_classes_that_a_side_lacks_are_said_at_once(tmp_path: Path) -> None:
    write_own(tmp_path, ("field", "wood", "bog", "lake"))
    (tmp_path / "rgb" / "wood").rename(tmp_path / "rgb" / "woods")
    shutil.rmtree(tmp_path / "ms" / "bog")
    text = refusal(tmp_path)
    assert (
        f"{tmp_path / 'rgb'} has no folder wood; {tmp_path / 'ms'} has no folder bog, woods" in text
    )
    assert "'wood' and 'woods' may be one class under two names" in text
    assert "data.classes=[field,lake]" in text.splitlines()[-1]
    assert describe(tmp_path, classes=["lake", "field"])[0].classes == ("field", "lake")
    assert "'wods', which is not a class of these data. Did you mean 'woods'?" in refusal(
        tmp_path, classes=["wods", "field"]
    )


def test_classes_short_of_images_are_said_at_once(tmp_path: Path) -> None:
    write_own(tmp_path, ("field", "wood", "bog", "lake"))
    for path in ("ms/bog/1.tif", "rgb/bog/1.jpg", "rgb/lake/1.jpg"):
        (tmp_path / path).unlink()
    text = refusal(tmp_path)
    assert (
        "at least 5 images per side, one per fold; too few has bog (4 MS and 4 RGB), lake (4 RGB)"
        in text
    )
    assert "data.classes=[field,wood]" in text.splitlines()[-1]


def test_an_empty_class(tmp_path: Path) -> None:
    write_own(tmp_path)
    class_map, sources = describe(tmp_path)
    for path in (tmp_path / "rgb" / "wood").iterdir():
        path.unlink()
    assert "too few has wood (0 RGB)" in refusal(tmp_path)
    with pytest.raises(DataError, match=r"wood is empty: it holds no \.jpg .*data\.rgb") as caught:
        list_side(tmp_path / "rgb", "rgb", ["rgb"], class_map, sources)
    assert_about_own_folders(str(caught.value))


def assert_about_own_folders(text: str) -> None:
    """Nobody can get a user's own images from a publisher."""
    for word in ("data.root", "data.sources", "archive", "publish", "npack", "benchmark", "  "):
        assert word not in text, text


@pytest.mark.parametrize("fault", ["cut", "empty", "page", "gone", "type", "other", "nested"])
@pytest.mark.parametrize("side", ["ms", "rgb"])
def test_no_message_about_own_images_speaks_of_publishers(
    tmp_path: Path, side: str, fault: str
) -> None:
    write_own(tmp_path)
    _, sources = describe(tmp_path)
    folder, source = tmp_path / side / "wood", sources[side]
    path = next(iter(sorted(folder.iterdir())))
    content = path.read_bytes()
    if fault in ("cut", "empty", "page"):
        path.write_bytes({"cut": content[:200], "empty": b"", "page": b"<html>"}[fault])
    elif fault == "gone":
        path.unlink()
    elif fault == "type":
        write_tif(path.with_suffix(".tif"), np.ones((5, 8, 8), np.complex64))
        path = path.with_suffix(".tif")
    elif fault == "other":
        path.rename(path.with_suffix(".bmp"))
    else:
        write_jpg(folder / "deeper" / "1.jpg")
    bands = ("b1",) if side == "ms" else ("R", "G", "B")
    listed = fault in ("other", "nested")
    with pytest.raises(DataError) as caught:
        source.scan(tmp_path / side, ["wood"]) if listed else source.read(path, bands, None)
    assert_about_own_folders(str(caught.value))
    assert f"data.{side}" in str(caught.value) or fault == "other"


def test_folders_that_are_none(tmp_path: Path) -> None:
    write_own(tmp_path)
    with pytest.raises(DataError, match=r"no folder .*mss \(data\.ms=.* Did you mean '.*ms'\?"):
        OwnData.look(tmp_path / "mss", tmp_path / "rgb")
    with pytest.raises(DataError, match=r"holds images itself, such as 1\.tif"):
        OwnData.look(tmp_path / "ms" / "wood", tmp_path / "rgb")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match=r"holds no folder; expected one folder per class"):
        OwnData.look(tmp_path / "ms", tmp_path / "none")
    with pytest.raises(DataError, match=r"ends in \.tif or \.tiff \(found: 10 \.jpg\).*data\.ms"):
        OwnData.look(tmp_path / "rgb", tmp_path / "rgb")
    for label in ("field", "wood"):
        for path in (tmp_path / "ms" / label).iterdir():
            path.write_text("<html>")
    text = refusal(tmp_path)
    assert "1.tif is a web page" in text
    assert_about_own_folders(text)


def test_bands_by_given_names(tmp_path: Path) -> None:
    write_own(tmp_path)
    names = ["blue", "green", "red", "nir", "swir"]
    sensor = describe(tmp_path, file_bands=names)[1]["ms"].sensor
    assert sensor.names == tuple(names)
    assert (sensor.name, sensor.verified, sensor.scale) == ("generic", False, None)
    with pytest.raises(ConfigError, match=r"no generic band 'grean'.* Did you mean 'green'"):
        sensor.check(["grean"])
    assert "names red more than once" in refusal(tmp_path, file_bands=["red", "red"])
    assert "data.file_bands is empty" in refusal(tmp_path, file_bands=[])
    text = refusal(tmp_path, file_bands=names[:4])
    assert "data.file_bands names 4 bands, but" in text
    assert "1.tif has 5" in text


@pytest.mark.parametrize(
    ("names", "sensor", "bands"),
    [
        (["B02", "B03", "B04", "B08", "B8A"], "sentinel2", ("B02", "B03", "B04", "B08", "B8A")),
        # as Earth Engine and SNAP write them
        (["B2", "B3", "B4", "B8", "B8A"], "sentinel2", ("B02", "B03", "B04", "B08", "B8A")),
        (["S2_B02_10m", "S2_B03_10m", "S2_B04_10m", "S2_B08_10m", "S2_B11_20m"], "sentinel2",
         ("B02", "B03", "B04", "B08", "B11")),
        # these may be Landsat's
        (["B2", "B3", "B4", "B5", "B6"], "generic", ("B2", "B3", "B4", "B5", "B6")),
        (["SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6"], "generic",
         ("SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6")),
        (["Blue", "Green", "Red", "Red Edge", "NIR"], "generic",
         ("Blue", "Green", "Red", "Red_Edge", "NIR")),
        (["red", "", "", "", ""], "generic", ("b1", "b2", "b3", "b4", "b5")),
        (["x", "x", "y", "z", "w"], "generic", ("b1", "b2", "b3", "b4", "b5")),
    ],
)  # fmt: skip
def test_bands_by_the_files_own_descriptions(
    tmp_path: Path, names: list[str], sensor: str, bands: tuple[str, ...]
) -> None:
    write_own(tmp_path, names=names)
    own = look(tmp_path)
    assert not own.questions
    assert (own.camera.sensor.name, own.camera.file_bands) == (sensor, bands)
    assert ", ".join(bands) in own.remarks[0]
    # what the user says counts more
    assert look(tmp_path, file_bands=["v", "w", "x", "y", "z"]).camera.file_bands[0] == "v"


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (["B8A", "B08", "B04", "B03", "B02"], "names its bands B8A, B08, B04, B03, B02"),
        (["B02", "B03", "B04", "B08", "B09"], "names its bands B02, B03, B04, B08, B09"),
        (None, "does not name its bands"),
        (["B2", "B3", "B4", "B8", "B8A"], ""),
    ],
)
def test_every_file_must_name_its_bands_as_the_first_does(
    tmp_path: Path, others: list[str] | None, said: str
) -> None:
    write_own(tmp_path, names=["B02", "B03", "B04", "B08", "B8A"])
    odd = write_tif(tmp_path / "ms/wood/3.tif", numbered_pixels(5), descriptions=others)
    source = look(tmp_path).sources["ms"]
    if not said:
        assert source.read(odd, ("B8A",), None).shape == (1, 8, 8)
        return
    with pytest.raises(DataError, match=rf"3\.tif {said}; expected B02, B03, B04, B08, B8A"):
        source.read(odd, ("B02",), None)
    # what the user says counts more
    order = ["B02", "B03", "B04", "B08", "B8A"]
    told = look(tmp_path, file_bands=order, sensor="sentinel2").sources["ms"]
    assert told.read(odd, ("B02",), None)[0, 0, 0] // 1000 == 1


def test_an_order_that_the_user_set_is_not_taken_from_the_packs(tmp_path: Path) -> None:
    names = ["B02", "B03", "B04", "B08", "B8A"]
    write_own(tmp_path, names=names, images=6)
    write_tif(tmp_path / "ms/wood/3.tif", numbered_pixels(5), descriptions=names[::-1])
    packs = tmp_path / "packs"
    assert load_own(look(tmp_path, file_bands=names, sensor="sentinel2"), packs)
    with pytest.raises(DataError, match=r"3\.tif names its bands B8A"):
        load_own(look(tmp_path), packs)


def test_names_with_dates_contradict_nothing(tmp_path: Path) -> None:
    write_own(tmp_path, names=[f"2020_{color}" for color in "abcde"])
    later = [f"2021_{color}" for color in "abcde"]
    odd = write_tif(tmp_path / "ms/wood/3.tif", numbered_pixels(5), descriptions=later)
    assert look(tmp_path).sources["ms"].read(odd, ("2020_b",), None)[0, 0, 0] // 1000 == 2


def test_names_of_the_user_that_contradict_the_file_are_told(tmp_path: Path) -> None:
    write_own(tmp_path, names=["B02", "B03", "B04", "B08", "B8A"])
    turned = ["B8A", "B08", "B04", "B03", "B02"]
    (remark,) = look(tmp_path, file_bands=turned, sensor="sentinel2").remarks
    assert remark.startswith("the bands are B8A, B08, B04, B03, B02, by data.file_bands, but ")
    assert remark.endswith("1.tif names its bands B02, B03, B04, B08, B8A")
    assert not look(tmp_path, file_bands=turned[::-1], sensor="sentinel2").remarks


def test_a_known_sensor_needs_the_order(tmp_path: Path) -> None:
    write_own(tmp_path)
    bands = ["B02", "B03", "B04", "B08", "B8A"]
    sensor = describe(tmp_path, file_bands=bands, sensor="sentinel2")[1]["ms"].sensor
    assert rgb_bands(sensor, bands) == ("B04", "B03", "B02")
    assert "name them in that order: data.file_bands=[B01,B02" in refusal(
        tmp_path, sensor="sentinel2"
    )
    assert "Did you mean 'sentinel2'" in refusal(tmp_path, file_bands=bands, sensor="sentinel-2")
    assert "Did you mean 'B02'" in refusal(tmp_path, file_bands=["B2"], sensor="sentinel2")


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


def test_class_folders_within_parts_are_pointed_out(tmp_path: Path) -> None:
    write_own(tmp_path / "train")
    shutil.copytree(tmp_path / "train/ms", tmp_path / "ms/train")
    shutil.copytree(tmp_path / "train/rgb", tmp_path / "rgb/train")
    text = refusal(tmp_path)
    assert "one folder deeper, in train/field: if field is a class, give data.ms=" in text


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


def test_ms_images_of_several_sizes_need_a_size(tmp_path: Path) -> None:
    write_own(tmp_path)
    write_tif(tmp_path / "ms" / "field" / "2.tif", numbered_pixels(5, 12))
    own = ready(look(tmp_path))
    roots: Any = {"ms": own.ms.folder, "rgb": own.rgb.folder}
    known = own.sources
    options = FolderOptions(
        name="folders", ms=str(roots["ms"]), rgb=str(roots["rgb"]), packs=str(tmp_path / "packs")
    )
    for packed in (False, True):
        asked = replace(options, packed=packed).with_rgb_size(8)
        with pytest.raises(
            DataError, match=r"2\.tif is 12x12 pixels and .* is 8x8; data\.size=8 resizes"
        ):
            load_benchmark(roots, own.class_map, asked, known=known)
    asked = replace(options, size=10, packed=False)
    found = load_benchmark(roots, own.class_map, asked, known=known)
    assert found.ms.images.shape[2:] == found.rgb.images.shape[2:] == (10, 10)


def test_words_of_a_command() -> None:
    assert option_word("data.ms", "/my data/é") == "'data.ms=/my data/é'"
    assert option_word("data.classes", ["a", "two words", "1", "null", "é"]) == (
        """'data.classes=[a,"two words","1","null","é"]'"""
    )


def test_colours_of_unknown_bands() -> None:
    generic = SENSORS["generic"]
    assert rgb_bands(generic, ("b1", "b2", "b3", "b4")) == ("b1", "b2", "b3")
    assert rgb_bands(generic, ("blue", "green", "red", "red_edge")) == ("red", "green", "blue")
    assert rgb_bands(generic, ("nir", "B", "G", "R")) == ("R", "G", "B")
    with pytest.raises(ConfigError, match=r"b1, b2 are fewer than three.*matching=random"):
        rgb_bands(generic, ("b1", "b2"))


def test_a_look_at_tifs_without_coordinates_warns_of_nothing(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    write_own(tmp_path, bands=4)
    names = ("B02", "B03", "B04", "B08")
    look(tmp_path, file_bands=names, sensor="sentinel2", scale=100.0)
    assert not [one for one in recwarn if "Georeferenced" in one.category.__name__]
