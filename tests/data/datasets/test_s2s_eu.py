"""S2S-EU from folders in the publishers' layouts, and from real images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ackd.data.benchmark import TEST, TRAIN, VAL, Benchmark
from ackd.data.datasets.class_map import load_class_map
from ackd.data.sensors import DEFAULT_BANDS, EUROSAT_BANDS
from ackd.data.splits.twins import shared_scenes
from ackd.errors import AckdError, ConfigError, DataError
from tests.data.layouts import (
    write_eurosat_ms,
    write_eurosat_rgb,
    write_nwpu,
    write_patternnet,
)
from tests.data.small_archives import load_s2s_eu


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All four archives, six MS scenes a class, each with a twin among twelve RGB ones."""
    root = tmp_path_factory.mktemp("archives")
    write_eurosat_ms(root, 6)
    write_eurosat_rgb(root, 12)
    write_nwpu(root)
    write_patternnet(root)
    return root


def load(root: Path, **options: Any) -> Benchmark:
    return load_s2s_eu(root, **{"size": 8, **options})


def scenes_on_both_sides(benchmark: Benchmark) -> int:
    return len(shared_scenes(benchmark.ms.scene_ids, benchmark.rgb.scene_ids))


def test_the_whole_benchmark(archives: Path) -> None:
    benchmark = load(archives)
    class_map = load_class_map("s2s_eu")
    assert benchmark.name == "s2s_eu"
    assert benchmark.classes == class_map.classes
    assert benchmark.protocol == "strict"
    assert benchmark.ms.images.shape == (60, 10, 8, 8)
    assert benchmark.ms.images.dtype == np.uint16
    assert benchmark.ms.bands == DEFAULT_BANDS
    assert benchmark.ms.sensor == "sentinel2"
    # 6 scenes without a twin of EuroSAT, and 2 of each mapped class of the others
    mapped = sum(len(class_map.rgb[name]) for name in ("nwpu_resisc45", "patternnet"))
    assert benchmark.rgb.images.shape == (60 + 2 * mapped, 3, 8, 8)
    assert benchmark.rgb.images.dtype == np.uint8
    assert benchmark.rgb.bands == ("R", "G", "B")
    assert (archives / benchmark.rgb.files[0]).is_file()
    for side in (benchmark.ms, benchmark.rgb):
        assert side.scene_ids.tolist() == sorted(side.scene_ids)


def test_labels_follow_the_class_map(archives: Path) -> None:
    rgb = load(archives).rgb
    class_map = load_class_map("s2s_eu")
    folders = {
        "EuroSAT_RGB": "eurosat",
        "NWPU-RESISC45": "nwpu_resisc45",
        "PatternNet": "patternnet",
    }
    for file, label in zip(rgb.files, rgb.labels, strict=True):
        archive, *_, theirs, _ = file.split("/")
        assert class_map.classes[label] == class_map.rgb[folders[archive]][theirs]
    assert not any("airplane" in file or "oil_well" in file for file in rgb.files)


def test_bands_are_chosen_by_name_in_the_order_asked(archives: Path) -> None:
    images = load(archives, bands=["B8A", "B01", "B12"]).ms.images
    assert np.unique(images // 1000, axis=0).shape[0] == 1
    assert (images[0] // 1000)[:, 0, 0].tolist() == [13, 1, 12]
    assert [EUROSAT_BANDS[k - 1] for k in (13, 1, 12)] == ["B8A", "B01", "B12"]


@pytest.mark.parametrize("protocol", ["strict", "paper"])
@pytest.mark.parametrize("fold", [0, 4])
def test_under_split_no_scene_stands_on_both_sides(
    archives: Path, protocol: str, fold: int
) -> None:
    benchmark = load(archives, protocol=protocol, fold=fold)
    assert scenes_on_both_sides(benchmark) == 0
    assert benchmark.notes["twins"] == {
        "mode": "split",
        "found": 60,
        "kept_as_ms": 60,
        "kept_as_rgb": 0,
        "on_both_sides": 0,
        "twin_leaks": 0,
    }


def test_plentiful_twins_are_halved(tmp_path: Path) -> None:
    write_eurosat_ms(tmp_path, 10)
    write_eurosat_rgb(tmp_path, 10)
    benchmark = load(tmp_path, sources=["eurosat"])
    assert scenes_on_both_sides(benchmark) == 0
    assert benchmark.ms.class_counts().tolist() == [5] * 10
    assert benchmark.rgb.class_counts().tolist() == [5] * 10
    other = load(tmp_path, sources=["eurosat"], split_seed=1)
    assert set(other.ms.scene_ids) != set(benchmark.ms.scene_ids)


def test_all_is_marked_with_its_leaks(archives: Path) -> None:
    benchmark = load(archives, twins="all")
    assert scenes_on_both_sides(benchmark) == 60
    ms, rgb = benchmark.ms, benchmark.rgb
    training = set(ms.scene_ids[ms.indices(TRAIN)])
    leaks = sum(scene in training for scene in rgb.scene_ids[rgb.indices(TEST)])
    assert leaks > 0
    assert benchmark.notes["twins"]["twin_leaks"] == leaks
    assert benchmark.notes["twins"]["on_both_sides"] == 60


def test_paired_sides_are_the_same_scenes_in_the_same_splits(archives: Path) -> None:
    benchmark = load(archives, twins="paired")
    assert benchmark.ms.scene_ids.tolist() == benchmark.rgb.scene_ids.tolist()
    np.testing.assert_array_equal(benchmark.ms.split, benchmark.rgb.split)
    np.testing.assert_array_equal(benchmark.ms.labels, benchmark.rgb.labels)
    assert benchmark.notes["twins"]["twin_leaks"] == 0


def test_the_notes_are_json_and_say_what_is_partial(archives: Path) -> None:
    notes = json.loads(json.dumps(load(archives, sources=["patternnet", "eurosat"]).notes))
    assert notes["partial"] is True
    assert notes["sources"] == {"ms": ["eurosat_ms"], "rgb": ["eurosat", "patternnet"]}
    first, ms, rgb = notes["partial_reasons"]
    assert first == "without the RGB images of nwpu_resisc45"
    assert ms.startswith("fewer MS images than in the paper's Table 10: AnnualCrop 6 of 3000,")
    assert "Forest 14 of 2998" in rgb
    assert notes["counts"]["used"]["rgb"]["Residential"] == 6 + 2 * 2
    assert notes["counts"]["found"]["rgb"]["Residential"] == 12 + 2 * 2
    assert notes["counts"]["rgb_used_by_source"]["patternnet"]["Residential"] == 4
    assert notes["counts"]["paper"]["rgb"]["Residential"] == 2800


def test_with_the_papers_counts_nothing_is_partial(
    archives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_map = load_class_map("s2s_eu")
    counts = dict.fromkeys(class_map.classes, (6, 12))
    object.__setattr__(class_map, "paper_counts", counts)
    monkeypatch.setattr("tests.data.small_archives.load_class_map", lambda name: class_map)
    notes = load(archives).notes
    assert notes["partial"] is False
    assert notes["partial_reasons"] == []


def test_the_result_depends_neither_on_the_place_nor_on_the_order_of_sources(
    archives: Path, tmp_path: Path
) -> None:
    shutil.copytree(archives, tmp_path / "elsewhere")
    one = load(archives, sources=["eurosat", "nwpu_resisc45"], workers=1)
    other = load(tmp_path / "elsewhere", sources=["nwpu_resisc45", "eurosat"], workers=3)
    assert one.ms.fingerprint == other.ms.fingerprint
    assert one.rgb.fingerprint == other.rgb.fingerprint
    for changed in (load(archives, fold=1), load(archives, split_seed=1), load(archives, size=4)):
        assert changed.ms.fingerprint != one.ms.fingerprint


def test_the_ms_side_is_the_same_whichever_other_sources_teach_the_student(archives: Path) -> None:
    sources = (["eurosat"], ["eurosat", "nwpu_resisc45"], ["eurosat", "patternnet"])
    assert len({load(archives, sources=names).ms.fingerprint for names in sources}) == 1


def test_progress_runs_over_both_sides(archives: Path) -> None:
    seen: list[tuple[int, int]] = []
    benchmark = load(archives, progress=lambda done, total: seen.append((done, total)))
    total = len(benchmark.ms) + len(benchmark.rgb)
    assert seen == [(i + 1, total) for i in range(total)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sources": ["eurosta"]}, r"\(data.sources=eurosta\). Did you mean 'eurosat'"),
        ({"sources": []}, r"data\.sources=\[\] should name at least one source"),
        ({"sources": ["eurosat", "eurosat"]}, "each once"),
        ({"sources": "eurosat"}, r"is one text; expected a list: data.sources=\[eurosat\]"),
        ({"bands": ["B2"]}, r"\(data.bands=B2\). Did you mean 'B02'"),
        ({"size": 0}, r"data\.size=0 is not an image size"),
        ({"twins": "spilt"}, r"\(data.twins=spilt\). Did you mean 'split'"),
        ({"protocol": "papers"}, r"\(data.protocol=papers\). Did you mean 'paper'"),
        ({"fold": 9}, r"data\.fold=9 is no fold"),
        ({"split_seed": -3}, r"data\.split_seed=-3 is negative"),
    ],
)
def test_wrong_options_are_told(archives: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(archives, **options)


def test_a_named_source_that_is_missing_stops_the_run(tmp_path: Path) -> None:
    write_eurosat_ms(tmp_path, 5)
    write_eurosat_rgb(tmp_path, 10)
    with pytest.raises(DataError, match=r"No folder NWPU-RESISC45 .* out of data\.sources"):
        load(tmp_path)


def test_classes_that_differ_between_the_sides(archives: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(archives, sources=["patternnet"])
    text = str(caught.value)
    assert text.startswith("Class 'AnnualCrop' is empty on the RGB side (6 images on the MS side)")
    assert "Add one of these to data.sources: eurosat (AnnualCrop); nwpu_resisc45 (circular" in text


def test_too_few_images_are_told_before_any_image_is_read(tmp_path: Path) -> None:
    counts = {**dict.fromkeys(load_class_map("s2s_eu").classes, 5), "Forest": 4}
    folder = write_eurosat_ms(tmp_path, counts)
    (folder / "River" / "River_1.tif").write_bytes(b"no image")
    write_eurosat_rgb(tmp_path, 10)
    with pytest.raises(DataError, match="Class 'Forest' has 4 scenes on the MS side"):
        load(tmp_path, sources=["eurosat"])


@pytest.mark.parametrize("content", [b"", b"II*\0", b"<html>not found</html>"])
def test_a_bad_file_is_named(tmp_path: Path, content: bytes) -> None:
    folder = write_eurosat_ms(tmp_path, 5)
    write_eurosat_rgb(tmp_path, 10)
    bad = folder / "River" / "River_3.tif"
    bad.write_bytes(content)
    with pytest.raises(AckdError, match=r"River_3\.tif") as caught:
        load(tmp_path, sources=["eurosat"])
    assert "data.root" in str(caught.value)


@pytest.mark.slow
def test_real_images(shared_data: Path, shared_counts: dict[str, int]) -> None:
    """Everything of the shared folders that has a class of the benchmark is read."""
    benchmark = load_s2s_eu(shared_data, sources=["eurosat", "nwpu_resisc45"])
    twins = shared_counts["twins"]
    assert benchmark.ms.images.shape == (shared_counts["eurosat_ms"], 10, 64, 64)
    assert benchmark.rgb.images.shape == (shared_counts["s2s_eu_rgb"], 3, 64, 64)
    assert benchmark.notes["twins"]["found"] == benchmark.notes["twins"]["kept_as_ms"] == twins
    assert scenes_on_both_sides(benchmark) == 0
    assert benchmark.notes["partial"]
    for side in (benchmark.ms, benchmark.rgb):
        shares = [len(side.indices(split)) / len(side) for split in (TRAIN, VAL, TEST)]
        np.testing.assert_allclose(shares, [0.64, 0.16, 0.20], atol=0.01)
    mean, std = benchmark.ms.band_statistics()
    near_infrared, red = (benchmark.ms.bands.index(name) for name in ("B08", "B04"))
    assert mean[near_infrared] > 1.5 * mean[red]
    assert (std > 100).all()


def test_real_twins_show_the_same_scene(shared_data: Path) -> None:
    """The pseudo-RGB of an MS image looks like its twin, and not like another scene."""
    benchmark = load_s2s_eu(
        shared_data, sources=["eurosat"], bands=["B04", "B03", "B02"], twins="paired"
    )
    ms = benchmark.ms.images.astype(float).mean(1).reshape(len(benchmark.ms), -1)
    rgb = benchmark.rgb.images.astype(float).mean(1).reshape(len(benchmark.rgb), -1)
    ms -= ms.mean(1, keepdims=True)
    rgb -= rgb.mean(1, keepdims=True)
    norms = np.linalg.norm(ms, axis=1), np.linalg.norm(rgb, axis=1)
    alike = (ms * rgb).sum(1) / (norms[0] * norms[1])
    strangers = (ms * np.roll(rgb, 1, axis=0)).sum(1) / (norms[0] * np.roll(norms[1], 1))
    assert np.median(alike) > 0.9
    assert abs(np.median(strangers)) < 0.2
