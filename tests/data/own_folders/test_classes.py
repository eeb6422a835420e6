"""The classes are folders, and those that a side lacks or is short of are told at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ackd.data.datasets.listing import list_side
from ackd.data.own_folders import OwnData
from ackd.errors import DataError
from tests.data.own_folders.folders import (
    assert_about_own_folders,
    describe,
    refusal,
    write_own,
)


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


def test_class_folders_within_parts_are_pointed_out(tmp_path: Path) -> None:
    write_own(tmp_path / "train")
    shutil.copytree(tmp_path / "train/ms", tmp_path / "ms/train")
    shutil.copytree(tmp_path / "train/rgb", tmp_path / "rgb/train")
    text = refusal(tmp_path)
    assert "one folder deeper, in train/field: if field is a class, give data.ms=" in text
