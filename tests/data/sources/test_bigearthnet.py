"""BigEarthNet: both versions, both layouts of the second, the real patches and every bad file."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from ackd.data.datasets.class_map import load_class_map
from ackd.data.datasets.listing import list_side
from ackd.data.sensors import BIGEARTHNET_STACKED_BANDS, DEFAULT_BANDS
from ackd.data.sources import Record, Source
from ackd.data.sources.bigearthnet_v1 import BIGEARTHNET_V1
from ackd.data.sources.bigearthnet_v2 import BIGEARTHNET_V2
from ackd.errors import ConfigError, DataError
from tests.data.patch_layouts import ARABLE, SEA, write_patch, write_stacked

TILE = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
COLUMNS = "patch_id,labels,split"


def scan(source: Source, root: Path) -> list[Record]:
    return source.scan(root, source.classes)


def message(source: Source, root: Path) -> str:
    with pytest.raises(DataError) as caught:
        scan(source, root)
    return str(caught.value)


def write_v1(root: Path, folder: str = "BigEarthNet-v1.0") -> Path:
    write_patch(root / folder / "P_1", ["Pastures", "Sea and ocean"], 1)
    write_patch(root / folder / "P_2", ["Airports"], 2)
    return root / folder


def write_v2(root: Path, table: str = f"{TILE}_1_1,{ARABLE}|{SEA},train\n") -> Path:
    home = root / "BigEarthNet-S2"
    write_patch(home / TILE / f"{TILE}_1_1")
    (root / "metadata.csv").write_text(f"{COLUMNS}\n{table}")
    return home


def rows(*others: tuple[str, str, str]) -> list[tuple[str, str, str]]:
    return [("P_1", f"{ARABLE}|{SEA}", "train"), ("P_2", SEA, "validation"), *others]


@pytest.mark.parametrize("folder", ["BigEarthNet-v1.0", "BigEarthNet-S2-v1.0/BigEarthNet-v1.0"])
def test_v1_lists_a_patch_once_with_all_its_labels(tmp_path: Path, folder: str) -> None:
    write_v1(tmp_path, folder)
    records = scan(BIGEARTHNET_V1, tmp_path)
    assert records == [
        Record(f"{folder}/P_1", ("Pastures", "Sea and ocean"), "bigearthnet_v1/P_1"),
        Record(f"{folder}/P_2", ("Airports",), "bigearthnet_v1/P_2"),
    ]
    assert BIGEARTHNET_V1.scan(tmp_path, ["Sea and ocean", "Pastures"]) == records[:1]
    files = BIGEARTHNET_V1.files(tmp_path / records[0].file)
    assert len(files) == len(BIGEARTHNET_STACKED_BANDS) + 1
    assert all(file.is_file() for file in files)


def test_v1_goes_by_band_name_and_onto_the_10_m_grid(tmp_path: Path) -> None:
    patch = write_v1(tmp_path) / "P_1"
    image = BIGEARTHNET_V1.read(patch, ("B8A", "B01", "B02"), 120)
    assert image.shape == (3, 120, 120)
    assert image.dtype == np.uint16
    assert (image.mean((1, 2)) // 1000).tolist() == [9, 1, 2]
    assert BIGEARTHNET_V1.read(patch, ("B01",), None).shape == (1, 120, 120)
    assert BIGEARTHNET_V1.read(patch, ("B01", "B02"), 30).shape == (2, 30, 30)
    with pytest.raises(ConfigError, match=r"no band in P_1 'B10' \(data\.bands=B10\)"):
        BIGEARTHNET_V1.read(patch, ("B10",), 120)


@pytest.mark.parametrize("folder", [".", "splits"])
def test_v1s_split_is_the_publishers(tmp_path: Path, folder: str) -> None:
    home = write_v1(tmp_path)
    (home / folder).mkdir(exist_ok=True)
    for split, line in (("train", "P_2"), ("val", "P_1,S1_twin"), ("test", "elsewhere")):
        (home / folder / f"{split}.csv").write_text(f"{line}\n")
    assert [record.split for record in scan(BIGEARTHNET_V1, tmp_path)] == ["val", "train"]
    (home / folder / "test.csv").write_text("P_1\n")
    assert "lists P_1, which val.csv lists too" in message(BIGEARTHNET_V1, tmp_path)
    (home / folder / "test.csv").unlink()
    assert "expected all three of the publisher's lists" in message(BIGEARTHNET_V1, tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "P_1 has no P_1_labels_metadata.json, which has its labels"),
        ("{", "cannot be read as JSON"),
        ("[]", "has no list 'labels' of class names"),
        ('{"labels": []}', "gives no label"),
        ('{"labels": ["Airport"]}', "'Airport', which is none of the 43 classes .*mean 'Airports'"),
    ],
)
def test_v1s_labels_missing_or_wrong(tmp_path: Path, content: str | None, expected: str) -> None:
    file = write_v1(tmp_path) / "P_1" / "P_1_labels_metadata.json"
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    with pytest.raises(DataError, match=expected):
        scan(BIGEARTHNET_V1, tmp_path)


def test_bad_bands_of_a_patch(tmp_path: Path) -> None:
    patch = write_v1(tmp_path) / "P_1"
    tif = patch / "P_1_B05.tif"
    whole = tif.read_bytes()

    def said(bands: tuple[str, ...] = ("B05",)) -> str:
        with pytest.raises(DataError) as caught:
            BIGEARTHNET_V1.read(patch, bands, 120)
        return str(caught.value)

    tif.write_bytes(whole[: len(whole) // 2])
    assert f"{tif} cannot be read: truncated" in said()
    tif.write_bytes((patch / "P_1_B02.tif").read_bytes())
    assert f"{tif} is 120x120 pixels; expected 60x60" in said()
    tif.unlink()
    assert f"{tif} is not there" in said()
    with pytest.raises(DataError, match=r"P_1 has no P_1_B05\.tif: band B05 is missing"):
        BIGEARTHNET_V1.files(patch)


def test_a_missing_archive_says_what_to_get(tmp_path: Path) -> None:
    text = message(BIGEARTHNET_V1, tmp_path)
    for part in (f"looked for {tmp_path / 'BigEarthNet-v1.0'}", "Sumbul et al.", "ACKD_DATA=DIR"):
        assert part in text
    assert "Zenodo record 10891137" in message(BIGEARTHNET_V2, tmp_path)
    home = write_v1(tmp_path)
    assert f"try data.root={tmp_path}." in message(BIGEARTHNET_V1, home)
    with pytest.raises(DataError, match=r"holds no patch of .* that bears one of Port areas"):
        BIGEARTHNET_V1.scan(tmp_path, ["Port areas"])


def test_v2_as_published_has_the_split(tmp_path: Path) -> None:
    home = write_v2(tmp_path, f"{TILE}_1_1,{ARABLE}|{SEA},validation\n{TILE}_9_9,{SEA},test\n")
    records = scan(BIGEARTHNET_V2, tmp_path)
    file = f"BigEarthNet-S2/{TILE}/{TILE}_1_1"
    assert records == [Record(file, (ARABLE, SEA), f"bigearthnet_v2/{TILE}_1_1", "val")]
    assert BIGEARTHNET_V2.read(tmp_path / file, DEFAULT_BANDS, 120).shape == (10, 120, 120)
    (tmp_path / "metadata.csv").rename(home / "metadata.csv")
    assert scan(BIGEARTHNET_V2, tmp_path) == records


def test_v2s_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow (extra bigearthnet) not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    write_v2(tmp_path)
    wanted = scan(BIGEARTHNET_V2, tmp_path)
    (tmp_path / "metadata.csv").unlink()
    columns: dict[str, Any] = {
        "patch_id": [f"{TILE}_1_1"],
        "labels": [[ARABLE, SEA]],
        "split": ["train"],
        "country": ["Austria"],
    }
    path = tmp_path / "metadata.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    assert scan(BIGEARTHNET_V2, tmp_path) == wanted
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cannot be read as parquet" in message(BIGEARTHNET_V2, tmp_path)
    parquet.write_table(pyarrow.table({"patch": ["a"], "labels": [["b"]], "split": ["c"]}), path)
    assert "has no column 'patch_id'" in message(BIGEARTHNET_V2, tmp_path)


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_v2(tmp_path)
    (tmp_path / "metadata.csv").rename(tmp_path / "metadata.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    text = message(BIGEARTHNET_V2, tmp_path)
    assert "pip install 'ackd[bigearthnet]'" in text
    assert "metadata.csv" in text


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (f"other,{SEA},test\n", "_1_1 has no row in .*metadata.csv"),
        (f"{TILE}_1_1,{SEA},testing\n", "row 1, has the split 'testing'.* Did you mean 'test'"),
        (f"{TILE}_1_1,Sea,test\n", "'Sea', which is none of the 19 classes"),
        (f"{TILE}_1_1,,test\n", "row 1, gives no label"),
        (f"{TILE}_1_1,{SEA},test\n" * 2, "row 2, names .*_1_1 once more"),
    ],
)
def test_v2s_table_missing_or_wrong(tmp_path: Path, table: str, expected: str) -> None:
    write_v2(tmp_path, table)
    with pytest.raises(DataError, match=expected):
        scan(BIGEARTHNET_V2, tmp_path)


def test_v2_without_its_table(tmp_path: Path) -> None:
    write_v2(tmp_path)
    (tmp_path / "metadata.csv").write_text("patch,labels,split\n")
    assert "has no column 'patch_id'" in message(BIGEARTHNET_V2, tmp_path)
    (tmp_path / "metadata.csv").unlink()
    assert "has no metadata.parquet, neither inside nor beside" in message(BIGEARTHNET_V2, tmp_path)


def test_v2_stacked(tmp_path: Path) -> None:
    write_stacked(tmp_path, rows())
    records = scan(BIGEARTHNET_V2, tmp_path)
    assert [(record.file, record.labels, record.split) for record in records] == [
        ("BigEarthNet-v2-S2/tif/P_1.tif", (ARABLE, SEA), "train"),
        ("BigEarthNet-v2-S2/tif/P_2.tif", (SEA,), "val"),
    ]
    path = tmp_path / records[0].file
    assert BIGEARTHNET_V2.files(path) == (path,)
    image = BIGEARTHNET_V2.read(path, ("B12", "B8A"), 120)
    assert (image // 1000)[:, 0, 0].tolist() == [12, 9]


@pytest.mark.parametrize("name", ["../P_1.tif", "/etc/P_1.tif", "a/../../P_1.tif", "..\\P_1.tif"])
def test_a_row_that_leads_out_of_the_archive(tmp_path: Path, name: str) -> None:
    home = write_stacked(tmp_path, rows())
    table = home / "labels.csv"
    table.write_text(table.read_text().replace("P_1.tif", name, 1))
    (home / "P_1.tif").write_bytes((home / "tif" / "P_1.tif").read_bytes())
    text = message(BIGEARTHNET_V2, tmp_path)
    assert f"{table}, row 1, names '{name}', which does not lie in {home / 'tif'}" in text
    assert "nothing outside the archive is read" in text


def test_rows_and_tifs_must_agree(tmp_path: Path) -> None:
    home = write_stacked(tmp_path, rows())
    table = home / "labels.csv"
    whole = table.read_text()
    table.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    assert f"{home / 'tif' / 'P_2.tif'} has no row in {table}" in message(BIGEARTHNET_V2, tmp_path)
    table.write_text(whole)
    (home / "tif" / "P_2.tif").unlink()
    assert f"names {home / 'tif' / 'P_2.tif'}, which is not there" in message(
        BIGEARTHNET_V2, tmp_path
    )


def test_labels_become_a_table_and_splits_stay(tmp_path: Path) -> None:
    write_stacked(tmp_path, rows(("P_3", "Urban fabric", "test"), ("P_4", "Mixed forest", "test")))
    class_map = load_class_map("m2s_gl_v2")
    listing = list_side(tmp_path, "ms", ["bigearthnet_v2"], class_map)
    assert listing.splits.tolist() == ["train", "val", "test"]  # P_3 bears no class of the map
    assert listing.labels.dtype == np.bool_
    named = [[class_map.classes[k] for k in np.flatnonzero(row)] for row in listing.labels]
    assert named == [["sea", "crop"], ["sea"], ["forest"]]


def test_the_real_patches_of_v1(shared_data: Path) -> None:
    records = scan(BIGEARTHNET_V1, shared_data)
    labels = list(shared_data.glob("BigEarthNet-v1-sample/*/S2*/*_labels_metadata.json"))
    assert len(records) == len(labels) > 0
    assert records[0].labels[0] == "Non-irrigated arable land"
    for record in records:
        patch = shared_data / record.file
        image = BIGEARTHNET_V1.read(patch, BIGEARTHNET_STACKED_BANDS, 120)
        for name in ("B02", "B03", "B04", "B08"):
            with rasterio.open(patch / f"{patch.name}_{name}.tif") as dataset:
                plain = dataset.read(1)
            np.testing.assert_array_equal(image[BIGEARTHNET_STACKED_BANDS.index(name)], plain)
        with rasterio.open(patch / f"{patch.name}_B8A.tif") as dataset:
            coarse = dataset.read(1).astype(float)
        fine = image[BIGEARTHNET_STACKED_BANDS.index("B8A")].astype(float)
        assert fine.mean() == pytest.approx(coarse.mean(), rel=2e-3)
        # B8A lies inside B08's range: on one grid they are the same picture
        broad = image[BIGEARTHNET_STACKED_BANDS.index("B08")].astype(float)
        assert np.corrcoef(fine.ravel(), broad.ravel())[0, 1] > 0.85


def test_the_real_patches_of_v2(shared_data: Path) -> None:
    listing = list_side(shared_data, "ms", ["bigearthnet_v2"], load_class_map("m2s_gl_v2"))
    classes = load_class_map("m2s_gl_v2").ms["bigearthnet_v2"]
    with (shared_data / "BigEarthNet-v2-S2" / "labels.csv").open(newline="") as table:
        rows = [row["labels"].split("|") for row in csv.DictReader(table)]
    mapped = sum(any(name in classes for name in labels) for labels in rows)
    assert len(listing.records) == mapped > 0
    assert set(listing.splits) == {"train", "val", "test"}
    assert listing.labels.dtype == np.bool_
    assert listing.labels.sum(axis=1).max() > 2
    path = shared_data / listing.records[0].file
    image = BIGEARTHNET_V2.read(path, ("B8A", "B08"), 120).astype(float)
    assert np.corrcoef(image.reshape(2, -1))[0, 1] > 0.85
