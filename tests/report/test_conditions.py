from __future__ import annotations

import os
from pathlib import Path

from ackd.report.collect import collect
from ackd.report.conditions import DataSet, data_sets
from ackd.report.pairing import baseline_of, plain_of, slices
from ackd.report.settings import settings_of
from tests.report.folders import config, make_run, three_methods


def only(root: Path) -> DataSet:
    (found,) = data_sets(collect(root))
    return found


def test_seeds_are_replicates_and_what_follows_from_the_method_is_not_told(tmp_path: Path) -> None:
    three_methods(tmp_path)
    data = only(tmp_path)
    assert [c.label for c in data.conditions] == [
        "Baseline",
        "Vanilla KD",
        "Vanilla KD + SemBridge",
    ]
    assert [len(c.runs) for c in data.conditions] == [3, 3, 3]
    assert data.varied == ("method",)
    assert {"dynm.enabled", "matching.initial", "ska.ot1"} <= set(data.together)


def test_paths_and_options_without_effect_make_no_condition(tmp_path: Path) -> None:
    make_run(tmp_path / "a", config("kd", outputs="x", data__root="y", name="b"))
    make_run(tmp_path / "b", config("kd", seed=1, dynm__gamma=7.0, planner__heads=2))
    (condition,) = only(tmp_path).conditions
    assert [run.seed for run in condition.runs] == [0, 1]


def test_whole_numbers_are_one_value_however_they_are_written(tmp_path: Path) -> None:
    make_run(tmp_path / "a", config(dynm__gamma=3.0))
    make_run(tmp_path / "b", config(dynm__gamma=3, seed=1))
    assert len(only(tmp_path).conditions) == 1


def test_a_grid_is_sliced_by_each_option(tmp_path: Path) -> None:
    for heads in (4, 8):
        for gamma in (1.0, 3.0, 5.0):
            options = config(planner__heads=heads, dynm__gamma=gamma)
            make_run(tmp_path / f"{heads}-{gamma}", options)
    data = only(tmp_path)
    assert set(data.varied) == {"planner.heads", "dynm.gamma"}
    by_gamma = slices(data, "dynm.gamma")
    assert [part.values for part in by_gamma] == [[1, 3, 5], [1, 3, 5]]
    assert [part.rest for part in by_gamma] == [
        "Vanilla KD + SemBridge · H=4", "Vanilla KD + SemBridge · H=8",
    ]  # fmt: skip


def test_an_ablation_is_found_though_heads_mean_nothing_without_the_planner(tmp_path: Path) -> None:
    for heads in (4, 8):
        make_run(tmp_path / f"full-{heads}", config(planner__heads=heads))
    make_run(tmp_path / "without", config(ska__ot1=False))
    data = only(tmp_path)
    assert "planner.heads" not in settings_of(config(ska__ot1=False), {})
    assert all(len(part.conditions) == 2 for part in slices(data, "ska.ot1"))


def test_partners_share_networks_and_training(tmp_path: Path) -> None:
    three_methods(tmp_path, seeds=1)
    make_run(tmp_path / "long", config(student__max_epochs=9))
    data = only(tmp_path)
    short, long = (c for c in data.conditions if c.method == "sembridge")
    plain, alone = plain_of(data, short), baseline_of(data, short)
    assert plain is not None
    assert alone is not None
    assert (plain.method, alone.method) == ("kd", "baseline")
    assert plain_of(data, long) is baseline_of(data, long) is None


def test_other_images_are_another_data_set(tmp_path: Path) -> None:
    make_run(tmp_path / "a", config())
    make_run(tmp_path / "b", config(), about={"fold": 1})
    assert len(data_sets(collect(tmp_path))) == 2


def test_of_two_equal_runs_the_later_one_counts(tmp_path: Path) -> None:
    make_run(tmp_path / "a", config(), right=0.5)
    make_run(tmp_path / "b", config(), right=0.9)
    for path in (tmp_path / "a").iterdir():
        os.utime(path, (1, 1))
    data = only(tmp_path)
    assert [run.name for run in data.repeats] == ["a"]
    assert [run.name for run in data.conditions[0].runs] == ["b"]


def test_a_loss_of_the_users_own_is_called_by_its_title(tmp_path: Path) -> None:
    for seed, title in enumerate(({"title": "My loss"}, {})):
        options = config("kd", seed=seed)
        options["loss"]["kd"] = {"mine": {"loss": {"_target_": "my.Loss"}, "weight": 1.0, **title}}
        make_run(tmp_path / str(seed), options)
    (condition,) = only(tmp_path).conditions
    assert condition.title == "My loss"
    assert len(condition.runs) == 2, "the title shapes no number"
