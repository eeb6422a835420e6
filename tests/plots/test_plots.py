"""The pictures show the numbers they are given; what they look like is for people to judge."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from ackd.data.benchmark import TRAIN, VAL, Benchmark
from ackd.data.sensors import SENSORS, Sensor
from ackd.errors import DataError
from ackd.plots import (
    contact_sheet,
    counts,
    example_pairs,
    fonts,
    infrared,
    pair_asymmetry,
    png,
    spectra,
    true_colour,
)
from ackd.plots.style import BLUE, ORANGE
from tests.cli.running import environment
from tests.stages import toy


def shown(figure) -> list[np.ndarray]:
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes]


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def several_labels(bench: Benchmark) -> Benchmark:
    """Every MS image also bears the class after its own."""
    own = np.eye(len(toy.CLASSES), dtype=bool)
    return replace(bench, ms=replace(bench.ms, labels=(own | np.roll(own, 1, 1))[bench.ms.labels]))


def test_a_composite_takes_its_bands_by_wavelength_and_stretches_them() -> None:
    scenes = toy.scenes("ms", 4)
    look = true_colour(scenes)
    assert look.bands == ("B04", "B03", "B02")
    assert look.channels == (2, 1, 0)
    steps = look.high - look.low
    assert np.allclose(steps, steps[0])
    ramp = np.zeros((1, 4, 1, 3), dtype=np.uint16)
    for channel, low, high in zip(look.channels, look.low, look.high, strict=True):
        ramp[0, channel, 0] = [max(low - 50, 0), (low + high) / 2, high + 50]
    grey = look(ramp)[0, 0]
    assert grey.dtype == np.uint8
    assert (grey[0] == 0).all()
    assert (grey[2] == 255).all()
    assert np.allclose(grey[1], 255 * 0.5 ** (1 / look.gamma), atol=1)


def test_the_infrared_view_needs_its_three_bands() -> None:
    scenes = toy.scenes("ms", 4)
    assert infrared(scenes) is None, "there is no shortwave infrared"
    look = infrared(replace(scenes, bands=("B8A", "B11", "B04", "B02")))
    assert look is not None
    assert look.bands == ("B11", "B8A", "B04")
    assert look.channels == (1, 0, 2)
    with pytest.raises(DataError, match="blue"):
        true_colour(replace(scenes, bands=("B05", "B03", "B04", "B08")))


def test_a_contact_sheet_shows_training_images_of_its_class_alone() -> None:
    bench = toy.benchmark(10, 10)
    look = true_colour(bench.ms)
    figure = contact_sheet(bench, 1, [look], columns=4)
    pictures = shown(figure)
    assert len(pictures) == 8
    rows = np.flatnonzero((bench.ms.labels == 1) & (bench.ms.split == TRAIN))
    ms = [picture.tobytes() for picture in look(bench.ms.images[rows])]
    rgb = [
        picture.transpose(1, 2, 0).tobytes()
        for picture in bench.rgb.images[(bench.rgb.labels == 1) & (bench.rgb.split == TRAIN)]
    ]
    assert {picture.tobytes() for picture in pictures[:4]} <= set(ms)
    assert {picture.tobytes() for picture in pictures[4:]} <= set(rgb)
    assert len({picture.tobytes() for picture in pictures}) == 8, "no image stands twice"
    assert {"b", "RGB", "MS, true colour", "B04 B03 B02"} <= set(texts(figure))
    again = contact_sheet(bench, 1, [look], columns=4)
    assert all(np.array_equal(a, b) for a, b in zip(pictures, shown(again), strict=True))


def test_a_contact_sheet_of_few_images_and_of_no_class() -> None:
    bench = toy.benchmark(5, 5)
    assert len(contact_sheet(bench, 0, [true_colour(bench.ms)]).axes) == 6, "three on either side"
    with pytest.raises(ValueError, match=r"label is 3; expected 0 to 2"):
        contact_sheet(bench, 3, [])


def test_an_image_of_several_classes_is_on_all_their_sheets() -> None:
    bench = several_labels(toy.benchmark(5, 5))
    look = true_colour(bench.ms)
    sheets = [shown(contact_sheet(bench, label, [look], columns=6))[:6] for label in (0, 1)]
    first, second = ({picture.tobytes() for picture in sheet} for sheet in sheets)
    assert len(first & second) == 3


def test_pairs_hold_the_twin_where_there_is_one() -> None:
    bench = toy.benchmark(6, 6)
    look = true_colour(bench.ms)
    assert len(example_pairs(bench, look).axes) == 6, "no twins: two rows of three classes"
    paired = replace(bench, rgb=replace(bench.rgb, scene_ids=bench.ms.scene_ids))
    pictures = shown(example_pairs(paired, look))
    assert len(pictures) == 9
    for label in range(3):
        photograph, twin, stranger = pictures[label::3]
        row = next(
            row
            for row, image in enumerate(bench.rgb.images)
            if np.array_equal(image.transpose(1, 2, 0), photograph)
        )
        assert bench.rgb.labels[row] == label
        assert np.array_equal(look(bench.ms.images[row : row + 1])[0], twin)
        assert not np.array_equal(stranger, twin)


@pytest.mark.parametrize("protocol", ["strict", "paper"])
def test_bars_are_as_long_as_there_are_images(protocol: str) -> None:
    bench = toy.benchmark(10, 15)
    if protocol == "paper":
        sides = (
            replace(side, split=np.where(side.split == VAL, TRAIN, side.split).astype(np.int8))
            for side in (bench.ms, bench.rgb)
        )
        ms, rgb = sides
        bench = replace(bench, ms=ms, rgb=rgb, protocol=protocol)
    figure = counts(bench)
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert ("validation" in named) == (protocol == "strict")
    for axes, scenes in zip(figure.axes, (bench.ms, bench.rgb), strict=True):
        drawn = sum(bar.get_width() for bar in axes.patches)
        assert drawn == len(scenes), "no image is counted twice"
        first = [
            bar.get_width() for bar in axes.patches if to_hex(bar.get_facecolor()) == BLUE.lower()
        ]
        assert first == np.bincount(scenes.labels[scenes.split == TRAIN], minlength=3).tolist()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(toy.CLASSES)


def test_counts_take_several_labels() -> None:
    bench = several_labels(toy.benchmark(5, 5))
    left = counts(bench).axes[0]
    assert sum(bar.get_width() for bar in left.patches) == 2 * len(bench.ms)


def test_spectra_are_reflectance_in_the_order_of_wavelength() -> None:
    scenes = replace(toy.scenes("ms", 5), bands=("B08", "B03", "B04", "B02"))
    figure = spectra(scenes, toy.CLASSES)
    for label, axes in enumerate(figure.axes):
        (line,) = [one for one in axes.lines if one.get_label() == "mean of the class"]
        assert line.get_xdata().tolist() == [492.4, 559.8, 664.6, 832.8]
        own = scenes.images[(scenes.labels == label) & (scenes.split == TRAIN)]
        wanted = own.mean(axis=(0, 2, 3))[[3, 1, 2, 0]] / 10000
        assert np.allclose(line.get_ydata(), wanted)
        assert axes.get_title(loc="left") == f"{toy.CLASSES[label]}  (3)"
    assert figure.get_supxlabel() == "wavelength (nm)"
    assert figure.get_supylabel() == "reflectance"


def test_bands_without_wavelengths_stand_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SENSORS, "nameless", Sensor(name="nameless", bands=(), scale=1.0))
    scenes = replace(toy.scenes("ms", 5), bands=("x", "y", "z", "w"), sensor="nameless")
    figure = spectra(scenes, toy.CLASSES)
    assert figure.get_supxlabel() == "band"
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["x", "y", "z", "w"]
    assert infrared(scenes) is None


def test_a_class_without_training_images_leaves_its_panel() -> None:
    scenes = toy.scenes("ms", 5)
    gone = np.where(scenes.labels == 1, VAL, scenes.split).astype(np.int8)
    figure = spectra(replace(scenes, split=gone), toy.CLASSES)
    assert figure.axes[1].get_title(loc="left") == "b  (0)"
    assert len(figure.axes[1].lines) == 1, "the mean of the other classes remains"


def test_points_lie_at_their_information() -> None:
    kinds = {"one scene": [2.0, np.nan, 1.0], "another": [1.0, 0.5, 0.25]}
    figure = pair_asymmetry(toy.CLASSES, kinds)
    first, second = figure.axes[0].collections
    assert to_hex(first.get_facecolor()[0]) == BLUE.lower()
    assert to_hex(second.get_facecolor()[0]) == ORANGE.lower()
    assert np.ma.filled(first.get_offsets(), np.nan).tolist()[0] == [2.0, 0.0]
    assert np.asarray(second.get_offsets()).tolist() == [[1.0, 0.0], [0.5, 1.0], [0.25, 2.0]]
    assert "nats" in figure.axes[0].get_xlabel()
    with pytest.raises(ValueError, match="expected 1 to 4"):
        pair_asymmetry(toy.CLASSES, {})
    with pytest.raises(ValueError, match=r"information\['one'\] has shape \(2,\); expected \(3,\)"):
        pair_asymmetry(toy.CLASSES, {"one": [1.0, 2.0]})


def test_a_png_is_small_opaque_and_of_the_same_size() -> None:
    bench = toy.benchmark(10, 10)
    figure = contact_sheet(bench, 0, [true_colour(bench.ms)])
    whole = io.BytesIO()
    figure.savefig(whole, format="png")
    small = png(figure)
    assert len(small) < 0.6 * len(whole.getvalue())
    with Image.open(io.BytesIO(small)) as picture:
        assert picture.format == "PNG"
        assert picture.size == Image.open(whole).size
        assert "transparency" not in picture.info
        assert picture.convert("RGB").getpixel((2, 2)) == (255, 255, 255)


def test_without_matplotlib_one_sentence_says_what_to_install(tmp_path) -> None:
    code = "import sys; sys.modules['matplotlib'] = None\nimport ackd.plots"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env=environment(tmp_path), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].endswith("pip install 'ackd[notebooks]'.")


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_class_names_are_drawn_in_a_font_that_has_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    named = replace(toy.benchmark(), classes=("森林", "b", "c"))
    plain = counts(toy.benchmark()).axes[0].get_yticklabels()[0]
    assert plain.get_fontfamily() == ["DejaVu Sans"]

    # A font that claims to have every character, whatever is installed here.
    known = fonts._glyphs
    other = fonts._files()[fonts.USUAL].replace("DejaVuSans.ttf", "DejaVuSerif.ttf")
    files = {"Everything": other, fonts.USUAL: fonts._files()[fonts.USUAL]}
    monkeypatch.setattr(fonts, "_files", lambda: files)
    wanted = frozenset({ord("森"), ord("林")})
    monkeypatch.setattr(fonts, "_glyphs", lambda p: known(p) | (wanted if p == other else set()))
    label = counts(named).axes[0].get_yticklabels()[0]
    assert label.get_fontfamily() == ["DejaVu Sans", "Everything"]
    assert not [record for record in caplog.records if record.name == "ackd"]

    monkeypatch.setattr(fonts, "_files", lambda: {fonts.USUAL: files[fonts.USUAL]})
    monkeypatch.setattr(logging.getLogger("ackd"), "propagate", True)
    counts(named)
    assert "no installed font has 林 森 of the class names" in caplog.text
