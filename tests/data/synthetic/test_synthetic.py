"""The embedded landscapes: reproducible, plausible, and harder in colour than in ten bands."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score

from ackd.data.benchmark import TEST, TRAIN, Benchmark
from ackd.data.sensors import DEFAULT_BANDS, SENSORS, SENTINEL2
from ackd.data.splits import assign_splits
from ackd.data.synthetic import CLASSES, make_synthetic
from ackd.data.synthetic.canvas import MS_REGION, RGB_REGION, Canvas, Light
from ackd.data.synthetic.layouts import LAYOUTS, NEIGHBOURS
from ackd.data.synthetic.spectra import SPECTRA
from ackd.errors import ConfigError
from ackd.stages.benchmark import build_benchmark
from tests.config.composing import checked


@lru_cache(maxsize=1)
def world() -> Benchmark:
    """All thirteen bands, so that every test can take what it needs."""
    return make_synthetic(ms_per_class=36, rgb_per_class=12, bands=SENTINEL2.names)


def small(**options: object) -> Benchmark:
    return make_synthetic(**{"ms_per_class": 2, "rgb_per_class": 3, "classes": 3} | options)


def band(name: str, *classes: str) -> np.ndarray:
    """Mean reflectance of one band over the scenes of some classes."""
    ms = world().ms
    wanted = np.isin(ms.labels, [CLASSES.index(c) for c in classes])
    return ms.images[wanted, ms.bands.index(name)].mean() / SENTINEL2.scale


def test_shapes_types_and_names() -> None:
    made = small()
    assert made.name == "synthetic"
    assert made.protocol == "none"
    assert made.classes == CLASSES[:3]
    assert made.ms.images.shape == (6, 10, 32, 32)
    assert made.ms.images.dtype == np.uint16
    assert made.rgb.images.shape == (9, 3, 32, 32)
    assert made.rgb.images.dtype == np.uint8
    assert made.ms.bands == DEFAULT_BANDS
    assert made.ms.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert made.rgb.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for side in (made.ms, made.rgb):
        assert side.sensor in SENSORS
        assert len(set(side.files)) == len(side.files)
        assert np.all(side.split == TRAIN)
    assert made.notes["partial"] is False
    json.dumps(made.notes)


@pytest.mark.parametrize("size", [8, 17, 48])
def test_any_size(size: int) -> None:
    made = small(size=size, ms_per_class=1, rgb_per_class=1)
    assert made.ms.images.shape[2:] == made.rgb.images.shape[2:] == (size, size)
    assert made.ms.images.std(axis=(2, 3)).min() > 0


def test_the_seed_decides_every_byte() -> None:
    first, again, other = small(seed=5), small(seed=5), small(seed=6)
    for side in ("ms", "rgb"):
        a, b, c = (getattr(made, side) for made in (first, again, other))
        assert a.images.tobytes() == b.images.tobytes()
        assert a.fingerprint == b.fingerprint
        assert not (a.images == c.images).all(axis=(1, 2, 3)).any()
        assert not set(a.scene_ids) & set(c.scene_ids)


def test_the_global_random_state_neither_matters_nor_changes() -> None:
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    first = small()
    assert np.array_equal(before, np.random.get_state()[1])
    np.random.seed(2)
    assert np.array_equal(first.ms.images, small().ms.images)


def test_asking_for_more_leaves_the_rest_as_it_was() -> None:
    few, many = small(), small(ms_per_class=4, rgb_per_class=4, classes=4)
    for label in range(3):
        assert np.array_equal(
            few.ms.images[few.ms.labels == label], many.ms.images[many.ms.labels == label][:2]
        )
        assert np.array_equal(
            few.rgb.images[few.rgb.labels == label], many.rgb.images[many.rgb.labels == label][:3]
        )


def test_fewer_bands_are_a_slice_of_all() -> None:
    every = small(bands=SENTINEL2.names)
    some = small(bands=["B12", "B02", "B8A"])
    rows = [SENTINEL2.names.index(name) for name in ("B12", "B02", "B8A")]
    assert some.ms.bands == ("B12", "B02", "B8A")
    assert np.array_equal(some.ms.images, every.ms.images[:, rows])
    assert np.array_equal(some.rgb.images, every.rgb.images)


@pytest.mark.slow
def test_no_scene_is_shared() -> None:
    made = world()
    ids = np.concatenate([made.ms.scene_ids, made.rgb.scene_ids])
    assert len(set(ids)) == len(ids)
    assert not set(made.ms.files) & set(made.rgb.files)
    # Not in pixels either: a shared random stream would show as correlated red channels.
    red_ms = made.ms.images[:, made.ms.bands.index("B04")].astype(float)
    red_rgb = made.rgb.images[:, 0].astype(float)
    same = []
    for label in range(len(CLASSES)):
        pairs = zip(
            red_ms[made.ms.labels == label], red_rgb[made.rgb.labels == label], strict=False
        )
        same += [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]
    assert abs(np.mean(same)) < 0.1
    assert np.max(np.abs(same)) < 0.9


def test_progress_counts_every_scene() -> None:
    seen: list[tuple[int, int]] = []
    small(progress=lambda done, total: seen.append((done, total)))
    assert seen == [(k, 15) for k in range(1, 16)]


def test_test_scenes_come_behind_the_others_which_stay_as_they_were() -> None:
    counts = {"ms_per_class": 5, "rgb_per_class": 10}
    more_counts = {"ms_test_per_class": 1, "rgb_test_per_class": 2}
    plain = assign_splits(small(**counts), fold=2)
    more = assign_splits(small(**counts, **more_counts), fold=2)
    for old, new, added in ((plain.ms, more.ms, 3), (plain.rgb, more.rgb, 6)):
        assert len(new) == len(old) + added
        for name in ("images", "labels", "files", "scene_ids", "split"):
            assert np.array_equal(getattr(new, name)[: len(old)], getattr(old, name))
        assert (new.split[len(old) :] == TEST).all()
        assert len(set(new.files)) == len(set(new.scene_ids)) == len(new)
        assert new.band_statistics()[0].tolist() == old.band_statistics()[0].tolist()
        flat = new.images.reshape(len(new), -1)
        assert len(np.unique(flat, axis=0)) == len(new)
    assert more.rgb.labels[-6:].tolist() == [0, 0, 1, 1, 2, 2]
    assert (more.notes["ms_test_scenes"], more.notes["rgb_test_scenes"]) == (3, 6)
    # Neither the number of the other scenes nor the choice of classes changes them.
    other = small(ms_per_class=5, rgb_per_class=11, classes=list(CLASSES[1:3]), **more_counts)
    assert np.array_equal(other.rgb.images[-4:], more.rgb.images[-4:])
    with pytest.raises(ConfigError, match=r"data\.rgb_test_per_class .* is -1"):
        small(rgb_test_per_class=-1)


def embedded(tmp_path: Path, *options: str) -> Benchmark:
    words = ["data.classes=2", "data.ms_per_class=5", "data.rgb_per_class=5", "data.size=16"]
    words += ["data.ms_test_per_class=1", "data.rgb_test_per_class=3", f"artifacts={tmp_path}"]
    return build_benchmark(checked(*words, *options).data)


@pytest.mark.slow
def test_every_fold_has_the_added_test_images_and_paper_has_none(tmp_path: Path) -> None:
    folds = [embedded(tmp_path, f"data.fold={fold}").rgb for fold in range(5)]
    for scenes in folds:
        assert len(scenes.indices(TEST)) == 2 + 6
        assert scenes.indices(TEST)[-6:].tolist() == list(range(10, 16))
    own = np.concatenate([scenes.indices(TEST)[:-6] for scenes in folds])
    assert sorted(own.tolist()) == list(range(10))
    paper = embedded(tmp_path, "data.protocol=paper").rgb
    assert len(paper) == 10
    assert len(paper.indices(TEST)) == 2


def test_drawn_scenes_are_kept_and_a_damaged_file_is_drawn_again(tmp_path: Path) -> None:
    counted: list[int] = []

    def draw(**more: int) -> Benchmark:
        counted.clear()
        options = {"ms_per_class": 2, "rgb_per_class": 3, "classes": 2, "packs": tmp_path} | more
        return make_synthetic(**options, progress=lambda done, total: counted.append(done))

    first = draw()
    assert len(counted) == 10
    again = draw()
    assert counted == []
    assert again.ms.fingerprint == first.ms.fingerprint
    assert again.rgb.fingerprint == first.rgb.fingerprint
    assert draw(rgb_per_class=4).ms.fingerprint == first.ms.fingerprint
    assert len(counted) == 8, "the MS scenes are those of before"
    draw(seed=1)
    assert len(counted) == 10
    for file in tmp_path.glob("synthetic-*.npy"):
        file.write_bytes(file.read_bytes()[:-1000])
    assert draw().rgb.fingerprint == first.rgb.fingerprint
    assert len(counted) == 10
    assert draw().rgb.fingerprint == first.rgb.fingerprint
    assert counted == []
    assert not list(tmp_path.glob(".*"))


def test_scenes_that_cannot_be_kept_are_drawn_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.warns(UserWarning, match=r"could not be kept .*data\.packs=DIR"):
        made = make_synthetic(ms_per_class=1, rgb_per_class=1, classes=2, packs=tmp_path / "file")
    assert made.rgb.fingerprint == small(ms_per_class=1, rgb_per_class=1, classes=2).rgb.fingerprint


def test_reflectance_is_plausible() -> None:
    ms = world().ms.images
    assert ms.max() <= 20000
    assert np.median(ms[:, ms.shape[1] - 3]) < 100, "B10 sees cirrus, not the ground"
    # Red edge of the living plants, and none on open soil or char.
    assert band("B07", "Forest", "Cropland") > 1.8 * band("B05", "Forest", "Cropland")
    assert band("B07", "BurntArea") < 1.7 * band("B05", "BurntArea")
    # Water is dark beyond the visible; haze keeps its blue up.
    assert band("B8A", "Water") < 0.10
    assert band("B11", "Water") < 0.08
    assert band("B02", "Water") > band("B12", "Water")
    # A burn scar: low near infrared, high shortwave infrared; forest is the other way round.
    assert band("B12", "BurntArea") > 0.75 * band("B8A", "BurntArea")
    assert band("B12", "Forest") < 0.55 * band("B8A", "Forest")
    # Dry grass against soil: alike in red, apart at 2.2 um (cellulose) relative to 1.6 um.
    grass, soil = "Grassland", "BareSoil"
    assert abs(band("B04", grass) / band("B04", soil) - 1) < 0.25
    assert band("B12", grass) / band("B11", grass) < band("B12", soil) / band("B11", soil) - 0.05
    # Wet ground absorbs in the shortwave infrared.
    assert band("B11", "Wetland") < 0.75 * band("B11", "Grassland")


def test_every_material_is_a_reflectance() -> None:
    for name, spectrum in SPECTRA.items():
        assert spectrum.shape == (13,), name
        assert spectrum.min() > 0.0, name
        assert spectrum.max() < 0.6, name


def test_bands_have_their_own_resolution() -> None:
    """Bands of 20 m and 60 m carry less fine detail than those of 10 m."""
    ms = world().ms
    images = ms.images[ms.labels == CLASSES.index("BuiltUp")].astype(float)
    step = np.diff(images, axis=3).std(axis=(0, 2, 3)) / images.std(axis=(0, 2, 3))
    detail = dict(zip(ms.bands, step, strict=True))
    assert detail["B08"] > 1.2 * detail["B8A"] > 1.2 * 1.2 * detail["B09"]


def test_the_two_regions_differ() -> None:
    made = world()
    red, green, blue = (made.ms.bands.index(name) for name in ("B04", "B03", "B02"))
    shown = made.ms.images[:, [red, green, blue]] / SENTINEL2.scale
    tint_ms = shown[:, 0].mean() / shown[:, 2].mean()
    rgb = (made.rgb.images / 255.0) ** 2.1
    tint_rgb = rgb[:, 0].mean() / rgb[:, 2].mean()
    assert tint_rgb > 1.15 * tint_ms, "the flight is warm, the view from orbit hazy"
    assert MS_REGION.name != RGB_REGION.name
    assert 30 < made.rgb.images.mean() < 220
    assert (made.rgb.images == 255).mean() < 0.1


@pytest.mark.parametrize("name", CLASSES)
def test_each_land_covers_its_canvas(name: str) -> None:
    rng = np.random.default_rng(3)
    light = Light.draw(rng, MS_REGION)
    canvas = Canvas(rng, 72, 5.0, MS_REGION, light, 13)
    LAYOUTS[name](canvas)
    assert canvas.ground.shape == (13, 72, 72)
    assert np.isfinite(canvas.ground).all()
    assert canvas.ground.min() > -1e-4
    assert (canvas.ground[7] > 1e-4).all(), "some ground was left unpainted"
    assert name not in NEIGHBOURS[name]
    assert set(NEIGHBOURS[name]) <= set(CLASSES)


def test_shadows_fall_away_from_the_sun() -> None:
    rng = np.random.default_rng(0)
    light = Light(elevation=np.radians(30.0), azimuth=np.radians(180.0), aerosol=0.1)
    canvas = Canvas(rng, 40, 2.5, MS_REGION, light, 13)
    canvas.paint(np.full(13, 0.3, dtype=np.float32))
    height = np.zeros((40, 40), dtype=np.float32)
    height[20, 15:25] = 1.0
    canvas.cast(height, 5.0)
    assert (canvas.ground[7, 18:20, 16:24] < 0.2).all(), "the sun is in the south, shade north"
    assert np.allclose(canvas.ground[7, 20:], 0.3)
    assert canvas.ground[1, 19, 20] > canvas.ground[11, 19, 20], "skylight is blue"


@pytest.mark.slow
def test_ten_bands_tell_more_than_colour() -> None:
    """The reason to have a multispectral teacher at all, measured without any network."""
    ms = world().ms

    def accuracy(*names: str) -> float:
        images = ms.images[:, [ms.bands.index(name) for name in names]].astype(float)
        features = np.concatenate([images.mean(axis=(2, 3)), images.std(axis=(2, 3))], axis=1)
        folds = StratifiedKFold(4, shuffle=True, random_state=0)
        trees = ExtraTreesClassifier(150, random_state=0)
        return float(cross_val_score(trees, features, ms.labels, cv=folds).mean())

    colour, ten = accuracy("B04", "B03", "B02"), accuracy(*DEFAULT_BANDS)
    assert ten > colour + 0.08
    assert 0.40 < colour < 0.80, "colour alone must be neither useless nor enough"
    assert 0.70 < ten < 0.97, "ten bands must leave something to learn"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": -1}, "data.seed"),
        ({"seed": 1.5}, "data.seed"),
        ({"ms_per_class": 0}, "data.ms_per_class"),
        ({"rgb_per_class": True}, "data.rgb_per_class"),
        ({"size": 4}, "from 8 to 256"),
        ({"size": "32"}, "'32'"),
        ({"classes": 1}, "from 2 to 8"),
        ({"classes": 9}, "data.classes"),
        ({"bands": []}, "data.bands is empty"),
        ({"bands": "B02"}, "list of band names"),
        ({"bands": ["B02", "B8"]}, "Did you mean"),
        ({"bands": ["B02", "B02"]}, "more than once"),
    ],
)
def test_wrong_options_are_sentences(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(**options)


def test_whole_numbers_of_numpy_will_do() -> None:
    made = small(seed=np.int64(0), size=np.int32(16))
    assert np.array_equal(made.ms.images, small(size=16).ms.images)
