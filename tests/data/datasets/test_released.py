"""The authors' own layout: tif, MATLAB files with label vectors, jpg."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from ackd.data.datasets.benchmarks import released
from ackd.data.datasets.listing import check_classes, list_side
from ackd.data.sensors import DEFAULT_BANDS
from ackd.errors import ConfigError, DataError
from tests.data.layouts import ms_pixels, write_jpg, write_tif
from tests.data.patch_layouts import numbered_pixels, write_mat

OUTER = {"s2s_eu": "S2S_EU", "s2s_cn": "S2S_CN", "m2s_gl": "M2S_GL"}


def vector(classes: tuple[str, ...], *borne: str) -> list[int]:
    return [int(label in borne) for label in classes]


def write_released(root: Path, benchmark: str, per_class: int = 2) -> Path:
    classes = released(benchmark)[0].classes
    for label in classes:
        for number in range(1, per_class + 1):
            name = f"{label}_{number}"
            if benchmark == "m2s_gl":
                labels = vector(classes, label, "sea")
                write_mat(root / "MS" / label / f"{name}.mat", labels)
            else:
                pixels = ms_pixels() if benchmark == "s2s_eu" else numbered_pixels(14)
                write_tif(root / "MS" / label / f"{name}.tif", pixels)
            write_jpg(root / "RGB" / label / f"{name}.jpg", number)
    return root


@pytest.mark.parametrize("benchmark", OUTER)
@pytest.mark.parametrize("outer", [False, True])
def test_all_three_are_read(tmp_path: Path, benchmark: str, outer: bool) -> None:
    write_released(tmp_path / OUTER[benchmark] if outer else tmp_path, benchmark)
    class_map, sources = released(benchmark)
    assert class_map.name == benchmark
    assert set(class_map.paper_counts) == set(class_map.classes)
    ms = list_side(tmp_path, "ms", ["released_ms"], class_map, sources)
    rgb = list_side(tmp_path, "rgb", ["released_rgb"], class_map, sources)
    check_classes(ms, rgb, class_map)
    assert len(ms.records) == len(rgb.records) == 2 * len(class_map.classes)
    assert ms.labels.ndim == (2 if benchmark == "m2s_gl" else 1)
    assert rgb.labels.ndim == 1
    bands = sources["released_ms"].sensor.names
    wanted = DEFAULT_BANDS if benchmark != "s2s_cn" else bands
    image = sources["released_ms"].read(tmp_path / ms.records[0].file, wanted, 8)
    assert image.shape == (len(wanted), 8, 8)
    assert sources["released_rgb"].read(tmp_path / rgb.records[0].file, ("R", "G", "B"), 8).any()
    shared = set(ms.scene_ids) & set(rgb.scene_ids)
    assert bool(shared) == (benchmark == "s2s_eu")  # EuroSAT is on both of its sides


def test_a_label_vector_gives_every_class(tmp_path: Path) -> None:
    class_map, sources = released("m2s_gl")
    write_released(tmp_path, "m2s_gl")
    records = sources["released_ms"].scan(tmp_path, ["port", "sea"])
    assert [record.labels for record in records] == [("sea", "port")] * 2 + [("sea",)] * 2
    listing = list_side(tmp_path, "ms", ["released_ms"], class_map, sources)
    assert listing.counts(class_map.classes)["sea"] == 30
    assert listing.counts(class_map.classes)["port"] == 2


@pytest.mark.parametrize(
    ("stored", "read"),
    [("uint8", "uint8"), ("uint16", "uint16"), ("float32", "float32"), ("float64", "float32")],
)
def test_a_mat_is_read_by_band_name(tmp_path: Path, stored: str, read: str) -> None:
    path = write_mat(tmp_path / "a.mat", [1], stored)
    image = released("m2s_gl")[1]["released_ms"].read(path, ("B12", "B02"), 8)
    assert image.dtype == read
    assert image[:, 0, 0].tolist() == [100, 10]


def test_bad_mats(tmp_path: Path) -> None:
    class_map, sources = released("m2s_gl")
    write_released(tmp_path, "m2s_gl")
    path = tmp_path / "MS" / "port" / "port_1.mat"
    whole = path.read_bytes()
    good = vector(class_map.classes, "port")

    def said(reading: bool = False) -> str:
        source = sources["released_ms"]
        with pytest.raises(DataError) as caught:
            source.read(path, ("B02",), 8) if reading else source.scan(tmp_path, ["port"])
        assert str(path) in str(caught.value)
        return str(caught.value)

    for broken in (whole[:100], whole[: len(whole) // 2], whole[:-3]):
        path.write_bytes(broken)
        assert "cannot be read: truncated, damaged" in said(reading=True)
    path.write_bytes(b"<!DOCTYPE html><html></html>")
    assert "is a web page" in said()
    write_mat(path, good[:-1])
    assert "expected 15 values of 0 or 1" in said()
    write_mat(path, [2 * bit for bit in good])
    assert "expected 15 values of 0 or 1" in said()
    write_mat(path, vector(class_map.classes, "sea"))
    assert "lies in the folder of class 'port', but its label vector says sea" in said()
    scipy.io.savemat(path, {"msi": np.zeros((8, 8, 10), np.uint8)})
    assert "has no variable 'label'" in said()
    write_mat(path, good, msi=np.zeros((8, 8, 9), np.uint8))
    assert "'msi' of shape (8, 8, 9); expected (height, width, 10)" in said(reading=True)
    holes: Any = np.zeros((8, 8, 10), np.float32)
    holes[0, 0, 0] = np.nan
    write_mat(path, good, msi=holes)
    assert "1 invalid pixel (1.6 % of the image) in band B02: nan" in said(reading=True)
    holes[0, 0, 0] = np.inf
    write_mat(path, good, msi=holes)
    assert "1 invalid pixel (1.6 % of the image) in band B02: inf" in said(reading=True)


def test_what_is_missing(tmp_path: Path) -> None:
    _, sources = released("s2s_cn")
    with pytest.raises(DataError, match=r"No folder MS under data\.root="):
        sources["released_ms"].scan(tmp_path, ["beach"])
    write_released(tmp_path, "s2s_cn")
    (tmp_path / "RGB" / "beach").rename(tmp_path / "RGB" / "beaches")
    with pytest.raises(DataError, match=r"no class 'beaches'\. Did you mean 'beach'"):
        sources["released_rgb"].scan(tmp_path, ["beach"])
    with pytest.raises(ConfigError, match=r"no released benchmark 's2s_nc'.* mean 's2s_cn'"):
        released("s2s_nc")
