"""Listing the archives: the layouts as published, and a sentence on everything else."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ackd.data.sources import SOURCES, ClassFolders, Source, find_source
from ackd.data.sources.eurosat import EUROSAT_MS, EUROSAT_RGB
from ackd.data.sources.nasc_tg2 import NASC_TG2_MS, NASC_TG2_RGB
from ackd.data.sources.nwpu_resisc45 import NWPU_RESISC45
from ackd.data.sources.patternnet import PATTERNNET
from ackd.data.sources.rsi_cb128 import RSI_CB128
from ackd.errors import ConfigError, DataError
from tests.data.layouts import (
    ms_pixels,
    write_eurosat_ms,
    write_eurosat_rgb,
    write_jpg,
    write_nwpu,
    write_patternnet,
    write_tif,
)
from tests.data.patch_layouts import rgb_pixels, write_nasc_tg2

TWO = ("Forest", "River")


def small_ms(root: Path) -> Path:
    return write_eurosat_ms(root, {"Forest": 2, "River": 3})


def message(source: Source, root: Path, classes: tuple[str, ...] = TWO) -> str:
    with pytest.raises(DataError) as caught:
        source.scan(root, classes)
    return str(caught.value)


def test_the_publishers_class_lists() -> None:
    counts = {name: len(source.classes) for name, source in SOURCES.items()}
    assert counts == {
        "bigearthnet_v1": 43,
        "bigearthnet_v2": 19,
        "eurosat_ms": 10,
        "eurosat": 10,
        "nasc_tg2_ms": 10,
        "nasc_tg2": 10,
        "nwpu_resisc45": 45,
        "patternnet": 38,
        "rsi_cb128": 45,
    }
    for source in SOURCES.values():
        assert list(source.classes) == sorted(set(source.classes))
        assert source.published.endswith(".")
        assert source.folder


def test_sources_by_name() -> None:
    assert find_source("eurosat") is EUROSAT_RGB
    with pytest.raises(
        ConfigError, match=r"no data source 'paternnet'\. Did you mean 'patternnet'"
    ):
        find_source("paternnet")


def test_records_are_relative_sorted_and_of_the_classes_asked_for(tmp_path: Path) -> None:
    small_ms(tmp_path)
    records = EUROSAT_MS.scan(tmp_path, ("River", "Forest"))
    assert [record.file for record in records] == [
        *(f"EuroSAT_MS/Forest/Forest_{i}.tif" for i in (1, 2)),
        *(f"EuroSAT_MS/River/River_{i}.tif" for i in (1, 2, 3)),
    ]
    assert records[0].labels == ("Forest",)
    assert [record.labels for record in EUROSAT_MS.scan(tmp_path, ("River",))] == [("River",)] * 3


def test_eurosats_two_sides_share_scene_ids_and_no_other_source_does(tmp_path: Path) -> None:
    small_ms(tmp_path)
    write_eurosat_rgb(tmp_path, {"Forest": 1, "River": 4})
    write_nwpu(tmp_path)
    write_patternnet(tmp_path)
    ids = {
        source.name: {record.scene_id for record in source.scan(tmp_path, classes)}
        for source, classes in (
            (EUROSAT_MS, TWO),
            (EUROSAT_RGB, TWO),
            (NWPU_RESISC45, ("forest", "river")),
            (PATTERNNET, ("forest", "river")),
        )
    }
    assert ids["eurosat_ms"] & ids["eurosat"] == {
        "eurosat/Forest/Forest_1",
        *(f"eurosat/River/River_{i}" for i in (1, 2, 3)),
    }
    for other in ("nwpu_resisc45", "patternnet"):
        rest = [scenes for name, scenes in ids.items() if name != other]
        assert len(ids[other]) == 4
        assert not ids[other] & set().union(*rest)


@pytest.mark.parametrize("inner", ["images", "", "PatternNet", "PatternNet/images"])
def test_patternnet_with_and_without_its_inner_folder(tmp_path: Path, inner: str) -> None:
    write_patternnet(tmp_path, inner=inner)
    if inner == "PatternNet/images":  # two folders deeper than any archive unpacks
        assert "neither directly nor one level deeper" in message(PATTERNNET, tmp_path, ("river",))
        return
    records = PATTERNNET.scan(tmp_path, ("river",))
    middle = f"{inner}/" if inner else ""
    assert records[0].file == f"PatternNet/{middle}river/river001.jpg"
    assert records[0].scene_id == "patternnet/river/river001"


def test_one_level_deeper_gives_the_same_scenes(tmp_path: Path) -> None:
    flat, deep = tmp_path / "flat", tmp_path / "deep"
    small_ms(flat)
    write_eurosat_ms(deep, {"Forest": 2, "River": 3}, folder="EuroSAT_MS/EuroSAT_MS")
    ids = [[r.scene_id for r in EUROSAT_MS.scan(root, TWO)] for root in (flat, deep)]
    assert ids[0] == ids[1]
    assert EUROSAT_MS.scan(deep, TWO)[0].file == "EuroSAT_MS/EuroSAT_MS/Forest/Forest_1.tif"


def test_a_missing_folder_says_what_to_get_and_what_to_set(tmp_path: Path) -> None:
    text = message(EUROSAT_MS, tmp_path)
    for part in (
        f"No folder EuroSAT_MS under data.root={tmp_path} (looked for {tmp_path / 'EuroSAT_MS'})",
        "Helber et al. 2018",
        "EuroSAT_MS/<class>/*.tif",
        "data.root=DIR",
        "ACKD_DATA=DIR",
    ):
        assert part in text
    assert "data.sources" not in text  # the MS side cannot be left out
    assert "leave patternnet out of data.sources" in message(PATTERNNET, tmp_path)


def test_a_missing_root(tmp_path: Path) -> None:
    text = message(NWPU_RESISC45, tmp_path / "nowhere")
    assert f"There is no folder {tmp_path / 'nowhere'} to look for NWPU-RESISC45 in" in text
    assert "data.root=DIR or ACKD_DATA=DIR" in text
    assert "Cheng, Han and Lu 2017" in text


def test_a_root_that_is_the_archive_itself(tmp_path: Path) -> None:
    folder = small_ms(tmp_path)
    assert f"try data.root={tmp_path}." in message(EUROSAT_MS, folder)


def test_a_folder_of_another_name_is_pointed_at(tmp_path: Path) -> None:
    small_ms(tmp_path).rename(tmp_path / "EuroSAT-MS")
    assert f"There is {tmp_path / 'EuroSAT-MS'}; if that is it, rename it" in message(
        EUROSAT_MS, tmp_path
    )


def test_the_other_modality_is_not_taken_for_a_misspelt_folder(tmp_path: Path) -> None:
    write_eurosat_rgb(tmp_path, {"Forest": 1, "River": 1})
    assert "rename it" not in message(EUROSAT_MS, tmp_path)


def test_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "EuroSAT_MS" / "archive.zip").mkdir(parents=True)
    text = message(EUROSAT_MS, tmp_path)
    assert "holds none of" in text
    assert "it holds archive.zip" in text


def test_a_missing_class(tmp_path: Path) -> None:
    write_eurosat_rgb(tmp_path, {"Forest": 2})
    text = message(EUROSAT_RGB, tmp_path)
    assert f"{tmp_path / 'EuroSAT_RGB'} has no folder 'River'" in text
    assert "data.root" in text
    assert "data.sources" in text


def test_an_empty_class(tmp_path: Path) -> None:
    folder = small_ms(tmp_path)
    for tif in (folder / "River").iterdir():
        tif.unlink()
    (folder / "River" / "readme.txt").touch()
    assert f"{folder / 'River'} is empty: it holds no .tif or .tiff file" in message(
        EUROSAT_MS, tmp_path
    )
    assert len(EUROSAT_MS.scan(tmp_path, ("Forest",))) == 2  # a class nobody asks for may be


def test_a_misspelt_class_is_not_skipped(tmp_path: Path) -> None:
    folder = small_ms(tmp_path)
    (folder / "River").rename(folder / "Rivers")
    text = message(EUROSAT_MS, tmp_path)
    assert "no class 'Rivers'" in text
    assert "Did you mean 'River'?" in text


def test_hidden_and_side_files_are_ignored(tmp_path: Path) -> None:
    folder = small_ms(tmp_path)
    before = EUROSAT_MS.scan(tmp_path, TWO)
    for name in (".DS_Store", "._Forest_1.tif", "Thumbs.db", "Forest_1.tif.aux.xml", "a.txt"):
        (folder / "Forest" / name).touch()
    (folder / "notes").mkdir()
    (folder / "notes" / "readme.md").touch()
    (folder / "__MACOSX" / "Forest").mkdir(parents=True)
    (folder / "__MACOSX" / "Forest" / "Forest_1.tif").touch()
    assert EUROSAT_MS.scan(tmp_path, TWO) == before


def test_an_image_of_another_type_is_not_skipped(tmp_path: Path) -> None:
    folder = small_ms(tmp_path)
    write_jpg(folder / "Forest" / "Forest_9.jpg")
    text = message(EUROSAT_MS, tmp_path)
    assert f"{folder / 'Forest' / 'Forest_9.jpg'} is not a .tif or .tiff file" in text


def test_images_deeper_than_the_layout_are_not_skipped(tmp_path: Path) -> None:
    folder = small_ms(tmp_path)
    write_tif(folder / "Forest" / "more" / "Forest_9.tif", ms_pixels())
    assert "a folder with images inside a class folder" in message(EUROSAT_MS, tmp_path)


def test_one_scene_in_two_files(tmp_path: Path) -> None:
    folder = small_ms(tmp_path)
    shutil.copy(folder / "Forest" / "Forest_1.tif", folder / "Forest" / "Forest_1.tiff")
    text = message(EUROSAT_MS, tmp_path)
    assert "Forest_1.tiff and Forest_1.tif are one scene by name" in text


def test_suffixes_in_capitals(tmp_path: Path) -> None:
    folder = small_ms(tmp_path)
    (folder / "Forest" / "Forest_1.tif").rename(folder / "Forest" / "Forest_1.TIF")
    assert len(EUROSAT_MS.scan(tmp_path, TWO)) == 5


def test_reading_goes_by_band_name(tmp_path: Path) -> None:
    path = small_ms(tmp_path) / "Forest" / "Forest_1.tif"
    assert (EUROSAT_MS.read(path, ("B8A", "B01"), 8) // 1000)[:, 0, 0].tolist() == [13, 1]
    photograph = write_jpg(tmp_path / "a.jpg")
    rgb, blue = (EUROSAT_RGB.read(photograph, bands, 8) for bands in (("R", "G", "B"), ("B",)))
    assert (rgb[2] == blue[0]).all()
    with pytest.raises(ConfigError, match="no rgb band 'B08'"):
        EUROSAT_RGB.read(photograph, ("B08",), 8)


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        (EUROSAT_MS, "EuroSATallBands/ds/images/remote_sensing/otherDatasets/sentinel_2/tif"),
        (EUROSAT_MS, "ds/images/remote_sensing/otherDatasets/sentinel_2/tif"),
        (EUROSAT_MS, "EuroSATallBands"),
        (EUROSAT_RGB, "2750"),
        (EUROSAT_RGB, "EuroSAT/2750"),
        (EUROSAT_RGB, "EuroSAT"),
    ],
)
def test_folders_of_the_publishers_other_archives(
    tmp_path: Path, source: ClassFolders, folder: str
) -> None:
    write = write_eurosat_ms if source is EUROSAT_MS else write_eurosat_rgb
    write(tmp_path, {"Forest": 1, "River": 1}, folder=folder)
    records = source.scan(tmp_path, TWO)
    assert [record.scene_id for record in records] == [
        "eurosat/Forest/Forest_1",
        "eurosat/River/River_1",
    ]
    assert records[0].file.startswith(f"{folder}/Forest/Forest_1.")


def test_nasc_tg2_is_read_by_the_names_of_its_bands(tmp_path: Path) -> None:
    write_nasc_tg2(tmp_path, per_class=2)
    records = NASC_TG2_MS.scan(tmp_path, NASC_TG2_MS.classes)
    assert len(records) == 20
    assert records[0].file == "NaSC-TG2_MS/beach/beach_1.tif"
    path = tmp_path / records[0].file
    image = NASC_TG2_MS.read(path, ("VN07", "VN05", "VN03"), 8)
    assert (image // 1000)[:, 0, 0].tolist() == [7, 5, 3]
    assert image.dtype == np.uint16
    assert NASC_TG2_MS.files(path) == (path,)
    rgb = NASC_TG2_RGB.scan(tmp_path, NASC_TG2_RGB.classes)
    assert {record.scene_id for record in rgb} == {record.scene_id for record in records}
    write_tif(path, ms_pixels())
    with pytest.raises(DataError, match=r"beach_1\.tif has 13 bands; expected 14 \(VN01, VN02"):
        NASC_TG2_MS.read(path, ("VN07",), 8)


@pytest.mark.parametrize("deeper", ["", "RSI-CB128"])
def test_rsi_cb128_with_its_groups_and_without(tmp_path: Path, deeper: str) -> None:
    flat, grouped = tmp_path / "flat" / "RSI-CB128", tmp_path / "grouped" / "RSI-CB128" / deeper
    for name in ("sea(1)", "sea(2)"):
        write_tif(flat / "sea" / f"{name}.tif", rgb_pixels())
        write_tif(grouped / "water area" / "sea" / f"{name}.tif", rgb_pixels())
    for home in (flat, grouped / "other land"):
        write_tif(home / "desert" / "desert(1).tif", rgb_pixels())
    ids = [
        [record.scene_id for record in RSI_CB128.scan(tmp_path / side, ("desert", "sea"))]
        for side in ("flat", "grouped")
    ]
    assert (
        ids[0]
        == ids[1]
        == [f"rsi_cb128/{x}" for x in ("desert/desert(1)", "sea/sea(1)", "sea/sea(2)")]
    )
    file = RSI_CB128.scan(tmp_path / "grouped", ("sea",))[0].file
    assert file == "/".join(filter(None, ("RSI-CB128", deeper, "water area/sea/sea(1).tif")))
    image = RSI_CB128.read(tmp_path / "grouped" / file, ("R", "G", "B"), 8)
    assert image[:, 0, 0].tolist() == [10, 20, 30]


def test_rsi_cb128s_faults(tmp_path: Path) -> None:
    home = tmp_path / "RSI-CB128"
    for group in ("water area", "woodland"):
        write_tif(home / group / "sea" / "sea(1).tif", rgb_pixels())
    assert "are both the class 'sea'" in message(RSI_CB128, tmp_path, ("sea",))
    shutil.rmtree(home / "woodland")
    write_tif(home / "water area" / "seas" / "sea(1).tif", rgb_pixels())
    assert "no class 'seas'. Did you mean 'sea'?" in message(RSI_CB128, tmp_path, ("sea",))
    shutil.rmtree(home / "water area" / "seas")
    assert f"{home} has no folder 'desert'" in message(RSI_CB128, tmp_path, ("sea", "desert"))
    assert "RSI-CB128/<group>/<class>/*.tif" in message(
        RSI_CB128, tmp_path / "water area", ("sea",)
    )


def test_real_archives(shared_data: Path, shared_counts: dict[str, int]) -> None:
    counts = {
        source.name: len(source.scan(shared_data, source.classes))
        for source in (EUROSAT_MS, EUROSAT_RGB, NWPU_RESISC45)
    }
    assert counts == {name: shared_counts[name] for name in counts}
