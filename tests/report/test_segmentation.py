"""Runs of segmentation: rows by networks, what they are asked, few labels, curves, error maps."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ackd.report.build import build
from ackd.report.collect import collect
from ackd.report.conditions import DataSet, data_sets
from ackd.report.model import Figure, Report, Section, Table
from ackd.report.page import to_html
from ackd.report.segmentation import curves, tables
from ackd.report.segmentation.grid import grids
from ackd.report.segmentation.maps import error_maps
from ackd.report.segmentation.published import table2
from ackd.report.segmentation.rows import row_of
from ackd.tasks.tile_pictures import FALSE_NEGATIVE, FALSE_POSITIVE
from tests.report.folders import config, make_run
from tests.report.row_folders import ROWS, make_row, predicted, tiles

RIGHT = {"sar": 0.9, "int": 0.85, "int_a": 0.96, "control4": 0.92, "control10": 0.94}


def report_of(root: Path) -> Report:
    return build(collect(root / "runs"), "runs")


def only(root: Path) -> DataSet:
    (found,) = data_sets(collect(root / "runs"))
    return found


def table(section: Section, name: str) -> Table:
    return next(table for table in section.tables if table.name.partition("-")[2] == name)


def column(found: Table, name: str) -> dict[str, str]:
    place = found.columns.index(name)
    return {row.cells[0].text: row.cells[place].text for row in found.rows}


def figures(section: Section, name: str) -> list[Figure]:
    return [figure for figure in section.figures if figure.name.partition("-")[2].startswith(name)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every row once, some rows for three seeds, and few labels for two rows."""
    root = tmp_path_factory.mktemp("rows")
    for row in ROWS:
        for seed in range(3 if row in RIGHT else 1):
            make_row(root, row, seed, right=RIGHT.get(row, 0.9))
    for row, right in (("sar", 0.8), ("int_a", 0.93)):
        for seed in range(2):
            make_row(root, row, seed, right=right, fraction=0.1)
    return root


@pytest.fixture(scope="module")
def section(root: Path) -> Section:
    return report_of(root).sections[0]


def iou_of(root: Path, *names: str) -> list[float]:
    results = (json.loads((root / "runs" / n / "result.json").read_text()) for n in names)
    return [100 * result["student"]["metrics"]["iou"] for result in results]


def test_rows_stand_in_the_order_of_the_paper(section: Section) -> None:
    found = table(section, "rows")
    assert list(column(found, "tiny, IoU %")) == [
        "Optical", "SAR", "Mid", "Mid+Ft-D", "Mid+Ft-A", "Fin", "Fin+Ft-D", "Fin+Ft-A", "M&F",
        "M&F+Ft-D", "M&F+Ft-A", "Int", "Int+Ft-D", "Int+Ft-A", "Control: 4 epochs",
        "Control: 10 epochs", "Everything is building",
    ]  # fmt: skip
    assert "all SAR labels (40 tiles)" in found.title


def test_a_cell_is_the_mean_over_networks_and_says_how_many(root: Path, section: Section) -> None:
    found = table(section, "rows")
    values, counts = column(found, "tiny, IoU %"), column(found, "tiny, n")
    iou = iou_of(root, *(f"int_a-1.0-s{seed}" for seed in range(3)))
    assert values["Int+Ft-A"] == f"{np.mean(iou):.1f} ± {np.std(iou, ddof=1):.1f}"
    assert counts["Int+Ft-A"] == "3"
    # Three seeds of a row without labels are one network: no spread, and no three.
    assert counts["Int"] == "1"
    assert values["Int"] == f"{iou_of(root, 'int-1.0-s0')[0]:.1f}"
    # The teacher of all rows is one network as well, whoever tells of it.
    assert counts["Optical"] == "1"
    assert " ± " not in values["Optical"]
    truth = tiles().masks
    assert values["Everything is building"] == f"{100 * (truth == 1).sum() / (truth < 2).sum():.1f}"


def test_the_best_is_chosen_among_sar_rows_alone(section: Section) -> None:
    found = table(section, "rows")
    best = [row.cells[0].text for row in found.rows if row.cells[1].best]
    assert best == ["Int+Ft-A"]


@pytest.mark.parametrize(
    ("seen", "said"),
    [(0.0, "0.0 % of the test ground"), (0.37, "37.0 % of the"), (None, "not known")],
)
def test_tables_say_how_much_test_ground_was_seen(
    tmp_path: Path, seen: float | None, said: str
) -> None:
    make_row(tmp_path, "sar", seen=seen)
    data = only(tmp_path)
    (grid,) = grids(data)
    for made in (tables.rows_by_networks(data, grid, None), tables.measures(data, grid)):
        assert any(said in note for note in made.notes), made.name


def test_published_numbers_have_a_column_of_their_own(tmp_path: Path) -> None:
    for network in ("tiny", "unet_mobilenetv2"):
        for row in ("optical", "sar", "mid_fin_a", "control4"):
            make_row(tmp_path, row, name=f"{row}-{network}", network__name=network)
    data = only(tmp_path)
    (grid,) = grids(data)
    found = tables.rows_by_networks(data, grid, table2(data))
    heads = [head for head in found.columns if "published" in head]
    assert heads == ["unet_mobilenetv2, published †"]
    assert list(column(found, heads[0]).values()) == ["54.20", "32.83 ‡", "37.72", "–", "–"]
    (note,) = (note for note in found.notes if note.startswith("†"))
    for words in ("another data set", "random split", "99.6 %", "without spread"):
        assert words in note
    assert any(note.startswith("‡") and "25.09" in note for note in found.notes)


def test_no_published_number_beside_another_class(tmp_path: Path) -> None:
    about = {"classes": ["other", "forest"]}
    make_row(tmp_path, "sar", network__name="unet_mobilenetv2", about=about)
    data = only(tmp_path)
    (grid,) = grids(data)
    assert table2(data) is None
    assert "Everything is forest" in column(tables.rows_by_networks(data, grid, None), "Row")


def test_rows_are_held_against_controls_paired_over_seeds(root: Path, section: Section) -> None:
    as_long, longer, alone = (
        table(section, f"gain-{name}") for name in ("control", "control-long", "sar")
    )
    assert column(as_long, "Seeds")["Int+Ft-A − control: 4 epochs"] == "3"
    assert "Int+Ft-D − control: 4 epochs" in column(as_long, "Seeds")
    assert next(iter(column(longer, "Seeds"))) == "Int+Ft-A − control: 10 epochs"
    assert {"Int − SAR", "Control: 4 epochs − SAR"} <= set(column(alone, "Seeds"))
    ours, theirs = (iou_of(root, *(f"{row}-1.0-s{s}" for s in range(3))) for row in
                    ("int_a", "control4"))  # fmt: skip
    gains = np.subtract(ours, theirs)
    shown = column(as_long, "Δ IoU")["Int+Ft-A − control: 4 epochs"]
    assert shown == f"{gains.mean():+.1f}"
    low, high = map(
        float,
        column(as_long, "95 % interval over seeds")["Int+Ft-A − control: 4 epochs"].split(" to "),
    )
    half = 4.3027 * gains.std(ddof=1) / np.sqrt(3)
    assert (low, high) == pytest.approx((gains.mean() - half, gains.mean() + half), abs=0.06)
    assert column(as_long, "Reading")["Int+Ft-A − control: 4 epochs"] == "better"
    assert "Δ Tile IoU" not in as_long.columns, "the IoU itself is drawn over tiles"
    intervals = column(as_long, "95 % interval over images")["Int+Ft-A − control: 4 epochs"]
    assert float(intervals.split(" to ")[0]) < gains.mean() < float(intervals.split(" to ")[1])


def test_few_labels_have_tables_of_their_own_and_a_figure(root: Path, section: Section) -> None:
    few = table(section, "rows-labels-0-1")
    assert "10 % of the SAR labels (4 tiles)" in few.title
    values = column(few, "tiny, IoU %")
    # Rows without labels are the same with any share of them.
    assert values["Int"] == column(table(section, "rows"), "tiny, IoU %")["Int"]
    assert {"Optical", "SAR", "Int+Ft-A"} <= set(values)
    assert "Int+Ft-D" not in values
    shares = table(section, "few-labels")
    assert shares.columns[1:3] == ("all SAR labels (40 tiles)", few.title.partition(", ")[2])
    by_share = {row.cells[0].text: [c.text for c in row.cells[1:3]] for row in shares.rows}
    assert by_share["Int"][0] == by_share["Int"][1]
    assert by_share["SAR"] == [column(table(section, "rows"), "tiny, IoU %")["SAR"], values["SAR"]]
    (figure,) = figures(section, "labels")
    assert [label for _, label in figure.legend] == ["SAR", "Int+Ft-A"]
    assert [panel.title.split()[0] for panel in figure.panels] == ["Validation", "Test"]
    assert column(table(section, "gain-sar-labels-0-1"), "Seeds")["Int+Ft-A − SAR"] == "2"


def test_every_stage_has_its_curves(section: Section) -> None:
    learning = [f for f in figures(section, "learning") if "labels" not in f.name]
    labels = [label for figure in learning for _, label in figure.legend]
    assert labels[:4] == ["SAR", "Control: 4 epochs", "Control: 10 epochs", "Int+Ft-A"]
    assert len(labels) == 11, "rows without labels have no such stage"
    assert [panel.title for panel in learning[0].panels] == [
        "Validation IoU", "Training loss", "Validation loss",
    ]  # fmt: skip
    (cosines,) = figures(section, "cosines")
    assert [panel.title.split()[2].strip(",") for panel in cosines.panels[:4]] == [
        "e3", "mid", "d1", "fin",
    ]  # fmt: skip
    assert [label for _, label in cosines.legend] == [
        "Mid, tiny", "Fin, tiny", "Int, tiny", "Fin, tiny, second step",
    ]  # fmt: skip
    (teachers,) = figures(section, "teachers")
    assert [label for _, label in teachers.legend] == ["tiny"]


def test_artifacts_that_are_gone_are_named(tmp_path: Path) -> None:
    make_row(tmp_path, "int_a")
    shutil.rmtree(tmp_path / "artifacts")
    data = only(tmp_path)
    for (figure,) in (curves.cosines(data, "d1"), curves.teachers(data, "d1")):
        assert not figure.panels
        assert "not at hand" in figure.notes[-1]
    (grid,) = grids(data)
    assert column(tables.measures(data, grid), "n")["Optical"] == "1"
    (maps,) = error_maps(data, "d1", grid)
    assert "Without a picture of these tiles: Optical." in maps.notes


def embedded(svg: str) -> list[np.ndarray]:
    found = re.findall(r"base64,([^\"]+)", svg)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))) for each in found]


def test_error_maps_show_the_same_tiles_under_every_row(root: Path, section: Section) -> None:
    figure = figures(section, "maps-1")[0]
    titles = [panel.title for panel in figure.panels]
    assert titles[:5] == ["SAR image", "Optical image", "Truth", "Optical", "SAR"]
    assert titles[-1] == "Control: 10 epochs"
    assert len(titles) == 3 + len(ROWS)
    assert {"#d55e00", "#0072b2"} <= {color for color, _ in figure.legend}
    found = tiles()
    assert found.masks is not None
    names = re.findall(r">(tile_\d+)<", figure.panels[0].svg)
    rows = [list(found.ids).index(name) for name in names]
    assert len(rows) == 4
    truth, said = found.masks[rows], predicted(found, 0.96, 0).outputs.numpy()[rows]
    shown = embedded(figure.panels[titles.index("Int+Ft-A")].svg)
    for mask, answer, tile in zip(truth, said, shown, strict=True):
        # In the middle of each pixel, which is drawn larger.
        middle = ((np.arange(16) + 0.5) * tile.shape[0] / 16).astype(int)
        drawn = tile[np.ix_(middle, middle)]
        false_positive = (mask == 0) & (answer == 1)
        false_negative = (mask == 1) & (answer == 0)
        assert false_positive.any() or false_negative.any()
        np.testing.assert_array_equal((drawn == FALSE_POSITIVE).all(axis=2), false_positive)
        np.testing.assert_array_equal((drawn == FALSE_NEGATIVE).all(axis=2), false_negative)
        both, either = ((mask == 1) & (answer == 1)), ((mask == 1) | (answer == 1)) & (mask < 2)
        assert f"IoU {100 * both.sum() / either.sum():.1f} %" in figure.panels[-3].svg


def test_a_picture_of_other_tiles_is_left_out(tmp_path: Path) -> None:
    make_row(tmp_path, "sar")
    folder = make_row(tmp_path, "int_a", right=0.95)
    picture = folder / "pictures" / "test_tiles.png"
    shown = np.asarray(Image.open(picture)).copy()
    shown[30:230, 8 + 2 * 208 : 208 + 2 * 208] = 0
    Image.fromarray(shown).save(picture)
    (maps,) = error_maps(only(tmp_path), "d1", grids(only(tmp_path))[0])
    assert "Without a picture of these tiles: Int+Ft-A." in maps.notes
    picture.write_bytes(b"nothing")
    (maps,) = error_maps(only(tmp_path), "d1", grids(only(tmp_path))[0])
    assert "Without a picture of these tiles: Int+Ft-A." in maps.notes


@pytest.mark.slow
def test_both_kinds_of_runs_in_one_folder_are_not_mixed(tmp_path: Path) -> None:
    make_row(tmp_path, "int_a")
    make_row(tmp_path, "optical")
    make_run(tmp_path / "runs" / "scene", config("kd"))
    both = report_of(tmp_path)
    scenes = next(s for s in both.sections if "protocol" in s.title)
    rows = next(s for s in both.sections if "split" in s.title)
    names = [{t.name.partition("-")[2] for t in each.tables} for each in (scenes, rows)]
    assert names == [
        {"conditions", "time", "terms", "terms-weighted", "recall"}, {"rows", "measures"},
    ]  # fmt: skip
    assert not [head for t in scenes.tables for head in t.columns if "IoU" in head]
    last = {t.name: t for t in both.sections[-1].tables}
    assert {"runs-scene", "runs-segmentation"} <= set(last)
    assert "bare" not in last, "an optical run is a row"
    assert "–" not in column(last["runs-segmentation"], "IoU %").values()


def test_runs_that_are_not_as_they_should_be_break_nothing(tmp_path: Path) -> None:
    make_row(tmp_path, "sar")
    half = make_row(tmp_path, "int", right=0.8)
    (half / "result.json").unlink()
    cut = make_row(tmp_path, "int_a", right=0.95)
    (cut / "predictions.csv").write_text("file,iou\ntile_00")
    (cut / "metrics.csv").write_text("nothing")
    (tmp_path / "artifacts" / "reconstruction" / "tiny-int" / "metrics.csv").write_text("\0")
    stopped = make_row(tmp_path, "mid")
    content = json.loads((stopped / "result.json").read_text())
    (stopped / "result.json").write_text(json.dumps(content | {"student": None}))
    bare = make_row(tmp_path, "fin_a")
    (bare / "result.json").write_text(json.dumps({"task": "segmentation", "student": {
        "metrics": {"iou": 0.5}}}))  # fmt: skip
    report = report_of(tmp_path)
    values = column(table(report.sections[0], "rows"), "tiny, IoU %")
    assert {"SAR", "Int+Ft-A", "Optical"} <= set(values)
    last = {t.name: t for t in report.sections[-1].tables}
    assert {"int-1.0-s0"} == set(column(last["unfinished"], "State"))
    assert {"mid-1.0-s0"} == set(column(last["bare"], "Why left out"))
    to_html(report)


def test_what_differs_beyond_rows_and_networks_has_a_column(tmp_path: Path) -> None:
    for lr in (0.001, 0.01):
        make_row(tmp_path, "sar", name=f"sar-{lr}", student__optimizer__lr=lr)
    (grid,) = grids(only(tmp_path))
    assert [each.title for each in grid.columns] == [
        "tiny · student.optimizer.lr=0.001", "tiny · student.optimizer.lr=0.01",
    ]  # fmt: skip


def test_a_row_is_known_by_what_it_did(tmp_path: Path) -> None:
    make_row(tmp_path, "mid_fin_a", name="at-once", reconstruction__layers=["mid", "fin"],
             reconstruction2__layers=[])  # fmt: skip
    make_row(tmp_path, "mid_fin_a", name="one-by-one")
    rows = [row_of(run) for run in collect(tmp_path / "runs")]
    assert [row.title for row in rows] == ["mid+fin+Ft-A", "M&F+Ft-A"]
    assert [row.name for row in rows] == ["", "mid_fin_a"]
