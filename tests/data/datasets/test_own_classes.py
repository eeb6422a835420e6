"""Class maps of a user's own and subsets of classes, for every kind of data set."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ackd.config.schema.data import ArchivesConfig, FoldersConfig, SyntheticConfig
from ackd.data.assemble import load_prepared
from ackd.data.benchmark import Benchmark
from ackd.data.cache import pack
from ackd.data.datasets.class_map import ClassMap
from ackd.data.datasets.own_classes import read_own_class_map, regroup
from ackd.data.splits.selection import select
from ackd.data.stored import ChosenRows, digests_of, sums_of
from ackd.data.synthetic import make_synthetic
from ackd.data.synthetic.layouts import CLASSES
from ackd.errors import AckdError, ConfigError
from ackd.stages.benchmark import build_benchmark
from ackd.train import check
from tests.config.composing import compose_config
from tests.data import small_archives
from tests.data.layouts import write_jpg, write_tif
from tests.data.patch_layouts import numbered_pixels

FIELDS = (
    "classes: [land, water]\nms: {Forest: land, River: water}\nrgb: {Forest: land, River: water}\n"
)


def own_map(folder: Path, text: str) -> Path:
    path = folder / "my map.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def options(*words: str) -> SyntheticConfig | ArchivesConfig | FoldersConfig:
    return check(compose_config(*words), look=True).data


def built(*words: str) -> Benchmark:
    return build_benchmark(options(*words))


def refused(*words: str) -> str:
    with pytest.raises(AckdError) as caught:
        options(*words)
    return str(caught.value)


def counts(benchmark: Benchmark) -> list[list[int]]:
    number = len(benchmark.classes)
    return [side.class_counts(classes=number).tolist() for side in (benchmark.ms, benchmark.rgb)]


# -- own folders ------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    for side, names in (("ms", ("Forest", "River", "SeaLake")), ("rgb", ("woods", "lake", "ice"))):
        for number, label in enumerate(names):
            for image in range(5 + number):
                if side == "ms":
                    write_tif(tmp_path / side / label / f"{image}.tif", numbered_pixels(4))
                else:
                    write_jpg(tmp_path / side / label / f"{image}.jpg", image)
    return [
        "data=folders", f"data.ms={tmp_path / 'ms'}", f"data.rgb={tmp_path / 'rgb'}",
        f"data.packs={tmp_path / 'packs'}",
    ]  # fmt: skip


def test_a_class_map_joins_folders_of_other_names(folders: list[str], tmp_path: Path) -> None:
    text = "ms: {Forest: forest, River: water, SeaLake: water}\nrgb: {woods: forest, lake: water}\n"
    path = own_map(tmp_path, text)
    benchmark = built(*folders, f"data.class_map='{path}'")
    assert benchmark.classes == ("forest", "water")
    assert counts(benchmark) == [[5, 6 + 7], [5, 6]]
    of = {file.split("/")[0]: label for file, label in zip(
        benchmark.ms.files.tolist(), benchmark.ms.labels.tolist(), strict=True)}  # fmt: skip
    assert of == {"Forest": 0, "River": 1, "SeaLake": 1}
    # the order that the file states is the order of the labels
    path.write_text(f"classes: [water, forest]\n{text}")
    assert counts(built(*folders, f"data.class_map='{path}'")) == [[6 + 7, 5], [6, 5]]


def test_a_class_map_that_is_not_there_is_looked_for_nearby(tmp_path: Path) -> None:
    own_map(tmp_path, "ms: {}")
    (tmp_path / "elsewhere").mkdir()
    for given, meant in (
        ("my maps.yaml", f"Did you mean '{tmp_path / 'my map.yaml'}'?"),
        ("elsewere/my map.yaml", f"Did you mean '{tmp_path / 'elsewhere'}'?"),
        ("zzz.yaml", ""),
    ):
        with pytest.raises(ConfigError) as caught:
            read_own_class_map(tmp_path / given)
        text = str(caught.value)
        assert f"{tmp_path / given} does not exist. {tmp_path} has no '{given.split('/')[0]}'." in (
            text
        )
        assert (meant in text) if meant else ("Did you mean" not in text)


def test_the_cache_tells_class_maps_apart(folders: list[str], tmp_path: Path) -> None:
    one = "ms: {Forest: a, River: b}\nrgb: {woods: a, lake: b}\n"
    other = "ms: {River: a, Forest: b}\nrgb: {lake: a, woods: b}\n"
    path = own_map(tmp_path, one)
    first = built(*folders, f"data.class_map='{path}'")
    path.write_text(other)
    second = built(*folders, f"data.class_map='{path}'")
    assert counts(first) == [[5, 6], [5, 6]]
    assert counts(second) == [[6, 5], [6, 5]]
    assert first.ms.fingerprint != second.ms.fingerprint
    assert len(list((tmp_path / "packs").iterdir())) == 2
    path.write_text(one)
    assert built(*folders, f"data.class_map='{path}'").ms.fingerprint == first.ms.fingerprint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ms: {Forst: a, River: b}\nrgb: {woods: a, lake: b}\n",
         ["names under 'ms' 'Forst'", "Did you mean 'Forest'?", "Forest, River, SeaLake"]),
        ("ms: {Forest: a, River: b, SeaLake: c}\nrgb: {woods: a, lake: b, ice: d}\n",
         ["no RGB class leads to c", "RGB leads to 'd'"]),
        ("ms: {Forest: a, River: b}\n", ["does not have 'ms' and 'rgb'"]),
        ("ms: {Forest: a, River: a}\nrgb: {woods: a}\n", ["fewer than two classes"]),
        ("ms: {Forest: a, River: b}\nrgb: {woods: a, lake: b}\nclases: [a, b]\n",
         ["no key 'clases'", "Did you mean 'classes'?"]),
        ("ms: [Forest]\nrgb: {woods: a}\n", ["'ms' is ['Forest']", "expected a mapping"]),
        ("ms: {Forest: a\n", ["is not valid YAML"]),
        ("classes: [a]\nms: {Forest: a}\nrgb: {woods: a}\n", ["'classes' is ['a']"]),
    ],
)  # fmt: skip
def test_class_maps_that_cannot_be(
    folders: list[str], tmp_path: Path, text: str, words: list[str]
) -> None:
    path = own_map(tmp_path, text)
    said = refused(*folders, f"data.class_map='{path}'")
    assert str(path) in said
    for word in words:
        assert word in said, said


def test_a_class_map_that_is_not_there(folders: list[str], tmp_path: Path) -> None:
    assert "nowhere.yaml does not exist." in refused(
        *folders, f"data.class_map={tmp_path}/nowhere.yaml"
    )


# -- embedded scenes --------------------------------------------------------------------------


SMALL = (
    "data.ms_per_class=6", "data.rgb_per_class=7", "data.size=16",
    "data.ms_test_per_class=0", "data.rgb_test_per_class=0",
)  # fmt: skip


def test_embedded_scenes_of_chosen_classes_are_those_of_the_whole() -> None:
    whole = make_synthetic(ms_per_class=6, rgb_per_class=7, size=16)
    chosen = [CLASSES[4], CLASSES[1]]
    benchmark = built("data=synthetic", *SMALL, f"data.classes=[{','.join(chosen)}]")
    assert benchmark.classes == (CLASSES[1], CLASSES[4])
    for side, before in ((benchmark.ms, whole.ms), (benchmark.rgb, whole.rgb)):
        rows = [before.files.tolist().index(file) for file in side.files.tolist()]
        np.testing.assert_array_equal(side.images[:], before.images[rows])
    assert built("data=synthetic", *SMALL, "data.classes=2").classes == CLASSES[:2]
    assert f"Did you mean '{CLASSES[1]}'?" in refused(
        "data=synthetic", f"data.classes=[{CLASSES[0]},{CLASSES[1]}s]"
    )
    assert "data.classes=1 is not valid: expected null" in refused(
        "data=synthetic", "data.classes=1"
    )


def test_a_class_map_of_embedded_scenes(tmp_path: Path) -> None:
    one, two, three = CLASSES[:3]
    text = f"ms: {{{one}: x, {two}: y, {three}: y}}\nrgb: {{{one}: x, {two}: y}}\n"
    benchmark = built("data=synthetic", *SMALL, f"data.class_map='{own_map(tmp_path, text)}'")
    assert benchmark.classes == ("x", "y")
    assert counts(benchmark) == [[6, 12], [7, 7]]
    own_map(tmp_path, f"ms: {{eurosat_ms: {{{one}: x, {two}: y}}}}\nrgb: {{{one}: x, {two}: y}}\n")
    with pytest.raises(ConfigError, match=r"sources eurosat_ms, but synthetic is put together"):
        regroup(benchmark, read_own_class_map(tmp_path / "my map.yaml"))


# -- archives and prepared folders ------------------------------------------------------------


@pytest.fixture
def archives(tmp_path: Path) -> list[str]:
    root = small_archives.write_archives(tmp_path / "raw", 12, 12)
    for side, suffix in (("EuroSAT_MS", "tif"), ("EuroSAT_RGB", "jpg")):
        for number in range(12):
            home = root / side / "SeaLake"
            home.mkdir(exist_ok=True)
            shutil.copy(
                root / side / "River" / f"River_{number + 1}.{suffix}",
                home / f"SeaLake_{number + 1}.{suffix}",
            )
    return [
        "data=s2s_eu", f"data.root={root}", "data.sources=[eurosat]", "data.size=8",
        "data.twins=all", f"data.packs={tmp_path / 'packs'}",
    ]  # fmt: skip


def test_a_subset_of_a_published_benchmark_is_partial(archives: list[str]) -> None:
    benchmark = built(*archives, "data.classes=[SeaLake,Forest]")
    assert benchmark.classes == ("Forest", "SeaLake")
    assert counts(benchmark) == [[12, 12], [12, 12]]
    assert benchmark.notes["partial"]
    assert "with the classes Forest, SeaLake alone" in benchmark.notes["partial_reasons"]
    text = refused(*archives, "data.classes=[SeaLakes,Forest]")
    assert "Did you mean 'SeaLake'?" in text
    assert "AnnualCrop" in text


@pytest.mark.parametrize(
    "sides",
    [
        "ms: {Forest: land, River: water, SeaLake: water}\nrgb: {Forest: land, River: water}\n",
        "ms: {eurosat_ms: {Forest: land, River: water, SeaLake: water}}\n"
        "rgb: {eurosat: {Forest: land, River: water}}\n",
    ],
)
def test_a_class_map_of_archives(archives: list[str], tmp_path: Path, sides: str) -> None:
    path = own_map(tmp_path, sides)
    benchmark = built(*archives, f"data.class_map='{path}'")
    assert benchmark.classes == ("land", "water")
    assert counts(benchmark) == [[12, 24], [12, 12]]
    assert f"with the classes of {path}" in benchmark.notes["partial_reasons"]
    path.write_text(sides.replace("SeaLake", "SeaLak"))
    assert "Did you mean 'SeaLake'?" in refused(*archives, f"data.class_map='{path}'")


def test_a_prepared_folder_of_other_classes(archives: list[str], tmp_path: Path) -> None:
    labels = ("Forest", "River", "SeaLake")
    same = {label: label for label in labels}
    three = ClassMap("s2s_eu", labels, {"eurosat_ms": same}, {"eurosat": same}, {})
    roots: Any = {"ms": tmp_path / "raw", "rgb": tmp_path / "raw"}
    folder = tmp_path / "prepared"
    asked = small_archives.asked(name="s2s_eu", twins="all", bands=["B04", "B03", "B02"], size=8)
    pack(select(roots, three, asked), folder, asked)
    words = [*archives, f"data.root={folder}", "data.bands=[B03,B02]"]
    whole, part = built(*words), built(*words, "data.classes=[SeaLake,River]")
    assert part.classes == ("River", "SeaLake")
    assert isinstance(part.ms.images, ChosenRows)
    for before, side in ((whole.ms, part.ms), (whole.rgb, part.rgb)):
        rows = np.flatnonzero(before.labels > 0)
        np.testing.assert_array_equal(side.images[:], before.images[rows])
        np.testing.assert_array_equal(side.labels, before.labels[rows] - 1)
        assert side.files.tolist() == before.files[rows].tolist()
        assert side.fingerprint != before.fingerprint
    assert "with the classes River, SeaLake alone" in part.notes["partial_reasons"]
    with pytest.raises(ConfigError, match=r"'Rivr'.*Did you mean 'River'\?"):
        load_prepared(folder, replace(asked, classes=("Rivr", "SeaLake")))
    text = "ms: {Forest: land, River: water, SeaLake: water}\nrgb: {Forest: land, River: water}\n"
    mapped = built(*words, f"data.class_map='{own_map(tmp_path, text)}'")
    assert counts(mapped) == [[12, 24], [12, 12]]


def test_chosen_rows_of_a_store_are_those_of_the_array(tmp_path: Path) -> None:
    root = small_archives.write_archives(tmp_path / "raw", 12, 12)
    selection = small_archives.selected(root, twins="all")
    store = pack(
        selection, tmp_path / "pack", small_archives.asked(bands=["B04", "B03"], size=8)
    ).images["ms"]
    rows = np.array([3, 20, 5, 11])
    chosen, array = ChosenRows(store, rows), store[rows]
    assert (chosen.shape, chosen.dtype, chosen.ndim, len(chosen)) == (
        (4, 2, 8, 8),
        array.dtype,
        4,
        4,
    )
    chosen = pickle.loads(pickle.dumps(chosen))
    some: list[Any] = [slice(1, 3), np.array([2, 0]), np.array([True, False, False, True]), 2]
    for index in some:
        np.testing.assert_array_equal(chosen[index], array[index])
    np.testing.assert_array_equal(digests_of(chosen), digests_of(array))
    some_rows = np.array([1, 3])
    for one, other in zip(sums_of(chosen, some_rows), sums_of(array, some_rows), strict=True):
        np.testing.assert_array_equal(one, other)


def test_labels_of_several_classes_are_joined() -> None:
    whole = make_synthetic(ms_per_class=4, rgb_per_class=4, size=8, classes=3)
    marks = np.zeros((12, 3), dtype=np.bool_)
    marks[np.arange(12), whole.ms.labels] = True
    marks[0, 1] = True  # of the first two classes
    several = replace(whole, ms=replace(whole.ms, labels=marks))
    names = whole.classes
    cut, rows = regroup(several, classes=[names[1], names[2]])
    assert rows["ms"].tolist() == [0, *range(4, 12)]  # the first image keeps its other class
    assert cut.ms.labels.tolist()[0] == [True, False]
    assert len(cut.rgb) == 8
