from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ackd.analysis.statistics import wilson
from ackd.report import tables, timing
from ackd.report.collect import collect
from ackd.report.comparisons import compare, comparisons
from ackd.report.conditions import DataSet, data_sets
from ackd.report.model import Table
from ackd.report.predictions import Predictions, confusion, paired_gains
from ackd.report.published import MARK, reference
from ackd.report.runs import run_tables
from tests.report.folders import config, make_run, three_methods

HEAD = ("true", "predicted", "x", "y")


def only(root: Path) -> DataSet:
    (found,) = data_sets(collect(root))
    return found


def column(table: Table, name: str, published: bool = False) -> list[str]:
    place = table.columns.index(name)
    return [row.cells[place].text for row in table.rows if row.published == published]


def test_means_are_those_of_the_results(tmp_path: Path) -> None:
    three_methods(tmp_path)
    data = only(tmp_path)
    for condition, shown in zip(
        data.conditions, column(tables.overview(data), "OA %"), strict=True
    ):
        values = [100 * run.result["student"]["metrics"]["oa"] for run in condition.runs]
        assert shown == f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"


def test_training_time_is_defined_as_in_table_8(tmp_path: Path) -> None:
    three_methods(tmp_path)
    table = timing.training_time(only(tmp_path), None)
    assert column(table, "Δ %") == ["–", "–", "+10.0"]  # (6 + 4) / 100


@pytest.mark.parametrize("name", ["synthetic", "m2s_gl_v2", "my_folders"])
def test_no_published_number_beside_another_data_set(tmp_path: Path, name: str) -> None:
    three_methods(tmp_path, name=name)
    assert reference(only(tmp_path)) is None


def test_published_numbers_stand_beside_the_complete_data_set(tmp_path: Path) -> None:
    three_methods(tmp_path, name="s2s_eu")
    for path in tmp_path.rglob("result.json"):
        path.write_text(path.read_text().replace('"strict"', '"paper"'))
    data = only(tmp_path)
    paper = reference(data)
    assert paper is not None
    assert paper.obstacles == ()
    table = tables.with_and_without(data, paper)
    assert table is not None
    assert column(table, "OA % with SemBridge", published=True) == ["93.7"]
    assert column(table, "Δ OA", published=True) == ["1.1"]
    assert not any(MARK in row.cells[0].text for row in table.rows)
    found = tables.methods(data, paper)
    assert found is not None
    assert column(found, found.columns[1], published=True) == ["92.6", "93.7"]
    architectures = tables.architectures(data, paper)
    assert architectures is not None
    assert column(architectures, "Alone OA %", published=True) == ["91.7"]


def test_published_numbers_are_marked_where_ours_is_partial(tmp_path: Path) -> None:
    about = {"partial": True, "partial_reasons": ["without the RGB images of patternnet"]}
    three_methods(tmp_path, name="s2s_eu", about=about)
    data = only(tmp_path)
    paper = reference(data)
    assert paper is not None
    table = tables.with_and_without(data, paper)
    assert table is not None
    published = [row for row in table.rows if row.published]
    assert published
    assert all(MARK in row.cells[0].text for row in published)
    assert "partial" in table.notes[-1]
    assert "protocol=strict" in table.notes[-1]


def test_ablation_shows_which_part_is_missing(tmp_path: Path) -> None:
    make_run(tmp_path / "full", config(data__name="s2s_eu"), right=0.9)
    make_run(tmp_path / "a", config(ska__ot1=False, data__name="s2s_eu"), right=0.8)
    make_run(tmp_path / "b", config(dynm__enabled=False, data__name="s2s_eu"), right=0.7)
    data = only(tmp_path)
    table = tables.ablation(data, reference(data))
    assert table is not None
    assert column(table, "DynM") == ["✗", "✓", "✓"]
    assert column(table, "L_ot1") == ["✓", "✗", "✓"]
    assert column(table, "OA %", published=True) == ["92.9", "92.5", "93.7"]


def test_gains_are_paired_by_file_and_averaged_over_seeds() -> None:
    a = Predictions(("1", "2"), HEAD, (("x", "y"), ("x", "x"), ("0", "1"), ("1", "0")))
    b = Predictions(("2", "1"), HEAD, (("y", "x"), ("y", "y"), ("0", "1"), ("1", "0")))
    assert paired_gains([a], [b]).tolist() == [1.0, -1.0]
    assert paired_gains([a, b], [b, b]).tolist() == [0.5, -0.5]
    assert confusion([a, b]).tolist() == [[1, 1], [1, 1]]
    with pytest.raises(ValueError, match="same test images"):
        paired_gains([a], [Predictions(("3",), HEAD[:3], (("x",), ("x",), ("0",)))])


def test_a_large_difference_is_found_and_a_small_one_is_not(tmp_path: Path) -> None:
    three_methods(tmp_path)
    baseline, kd, sembridge = only(tmp_path).conditions
    large = compare(sembridge, baseline)
    assert large is not None
    assert large.over_images is not None
    assert large.over_images.p is not None
    assert large.over_images.p < 0.01
    values = [c.values("student.metrics.oa") for c in (sembridge, baseline)]
    assert large.over_images.mean == pytest.approx(np.mean(values[0]) - np.mean(values[1]))
    same = compare(kd, kd)
    assert same is not None
    assert same.over_images is not None
    assert same.over_images.p == 1.0


def test_without_predictions_only_seeds_are_compared(tmp_path: Path) -> None:
    three_methods(tmp_path)
    for path in tmp_path.rglob("predictions.csv"):
        path.unlink()
    first = comparisons(only(tmp_path))[0]
    assert set(column(first, "p, images")) == {"–"}
    assert "–" not in column(first, "p, seeds")
    assert any("no predictions.csv" in note for note in first.notes)


def test_a_gain_counts_only_seeds_that_both_have(tmp_path: Path) -> None:
    make_run(tmp_path / "with", config(seed=0), right=0.9)
    plain = [make_run(tmp_path / f"{seed}", config("kd", seed=seed)) for seed in (0, 1)]
    data = only(tmp_path)
    table = tables.with_and_without(data, None)
    assert table is not None
    kd, sembridge = data.conditions
    values = [c.runs[0].number("student.metrics.oa") or 0.0 for c in (sembridge, kd)]
    assert len(plain) == len(kd.runs) == 2
    assert column(table, "Δ OA") == [f"{100 * (values[0] - values[1]):+.1f}"]


def sweep_of_lambda(root: Path) -> DataSet:
    """Weights whose order on validation images is not that on test images."""
    for weight, val, right in ((0.2, 0.9, 0.3), (0.4, 0.7, 0.6), (0.6, 0.5, 0.95)):
        make_run(root / f"w{weight}", config(loss__lambda1=weight), right=right, val=val)
    return only(root)


def best(table: Table, name: str) -> list[bool]:
    place = table.columns.index(name)
    return [row.cells[place].best for row in table.rows if not row.published]


def test_the_best_is_chosen_by_validation_in_every_table(tmp_path: Path) -> None:
    data = sweep_of_lambda(tmp_path)
    overview = tables.overview(data)
    assert column(overview, "Validation OA %") == ["90.0", "70.0", "50.0"]
    assert best(overview, "OA %") == best(overview, "Validation OA %") == [True, False, False]
    assert any("Bold: best mean on the validation images" in note for note in overview.notes)
    (by_weight,) = tables.sensitivity(data, None)
    validation, test = by_weight.rows
    assert [row.cells[1].text for row in by_weight.rows] == ["validation", "test"]
    assert [cell.text for cell in validation.cells[2:]] == ["90.0", "70.0", "50.0"]
    for row in (validation, test):
        assert [cell.best for cell in row.cells[2:]] == [True, False, False]
    values = [value for cell in test.cells[2:] if (value := cell.value) is not None]
    assert values == sorted(values), "the test images would have chosen the other end"


def test_what_cannot_be_ranked_by_validation_is_not_ranked(tmp_path: Path) -> None:
    data_of = sweep_of_lambda(tmp_path)
    for path in tmp_path.rglob("result.json"):
        content = json.loads(path.read_text())
        del content["student"]["validation"]
        path.write_text(json.dumps(content))
    # An earlier version's results: the epochs know what the validation was.
    assert column(tables.overview(only(tmp_path)), "Validation OA %") == ["70.0"] * 3
    for path in tmp_path.rglob("metrics.csv"):
        path.unlink()
    overview = tables.overview(only(tmp_path))
    assert len(data_of.conditions) == len(overview.rows) == 3
    assert column(overview, "Validation OA %") == ["–"] * 3
    assert not any(cell.best for row in overview.rows for cell in row.cells)


def test_a_protocol_without_validation_images_of_its_own_says_so(tmp_path: Path) -> None:
    make_run(tmp_path / "a", config(), result={"protocol": "paper"})
    notes = tables.overview(only(tmp_path)).notes
    assert any("validation images are the test images" in note for note in notes)


def test_an_interval_stands_beside_the_oa_of_test_images(tmp_path: Path) -> None:
    make_run(tmp_path / "a", config(), n=100)
    data = only(tmp_path)
    share = data.conditions[0].values("student.metrics.oa")[0]
    low, high = wilson(share, 100)
    expected = f"{100 * low:.1f} to {100 * high:.1f}"
    assert column(tables.overview(data), "OA 95 % interval") == [expected]
    assert column(run_tables(collect(tmp_path), [data])[0], "OA 95 % interval") == [expected]


def test_the_run_table_has_what_was_swept_and_the_students_path(tmp_path: Path) -> None:
    data = sweep_of_lambda(tmp_path / "runs")
    (tmp_path / "runs" / "w0.4" / "student.pt").touch()
    (table,) = run_tables(collect(tmp_path / "runs"), [data])
    assert column(table, "λ1") == ["0.2", "0.4", "0.6"]
    assert column(table, "Seed") == ["0", "0", "0"]
    assert column(table, "Student") == ["–", "w0.4/student.pt", "–"]
    assert best(table, "OA %") == best(table, "Validation OA %") == [True, False, False]


def test_runs_of_several_data_sets_are_not_held_against_each_other(tmp_path: Path) -> None:
    for name, val in (("one", 0.9), ("two", 0.5)):
        for seed, less in ((0, 0.0), (1, 0.1)):
            options = config(seed=seed, data__name=name)
            make_run(tmp_path / f"{name}-{seed}", options, val=val - less)
    runs = collect(tmp_path)
    (table,) = run_tables(runs, data_sets(runs))
    assert column(table, "Data") == ["one", "one", "two", "two"]
    assert best(table, "Validation OA %") == [True, False, True, False]


def test_a_gain_on_validation_images_stands_beside_that_on_test_images(tmp_path: Path) -> None:
    data = sweep_of_lambda(tmp_path)
    table = next(t for t in comparisons(data) if t.name == "gain-option")
    assert column(table, "Δ validation OA") == ["+20.0", "-20.0"]
