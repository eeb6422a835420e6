"""The search: what it may vary, what it learns from a run, and how it goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ackd.errors import ConfigError
from ackd.search import _failures, _next_job, _print_best, _run_trials
from ackd.sweeps.pool import Pool
from ackd.sweeps.run import Record
from ackd.sweeps.space import Range, SearchOptions, read_search
from ackd.sweeps.study import Study, read_metric
from tests.sweeps.scripted import jobs_of, places

SPACE = "search.space={loss.lambda1: {low: 0.1, high: 0.9}, planner.heads: [2, 4]}"


def test_the_words_are_parted() -> None:
    options, pool, shared = read_search(
        ["+experiment=s2s_eu_tiny", SPACE, "search.trials=7", "search.slots=2", "seed=1"]
    )
    assert shared == ["+experiment=s2s_eu_tiny", "seed=1"]
    assert pool == {"slots": 2}
    assert options.trials == 7
    assert options.space["loss.lambda1"] == Range(low=0.1, high=0.9)
    assert options.space["planner.heads"] == [2, 4]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Say what to search"),
        ([SPACE, "search.trails=3"], "Did you mean 'search.trials'"),
        ([SPACE, "search.trials=0"], r"search\.trials=0 is not valid"),
        (["search.space={a: {low: 2, high: 1}}"], r"search\.space\.a=.*low below high"),
        (["search.space={a: {low: 0, high: 1, log: true}}"], "low above 0"),
        (["search.space={a: 3}"], r"search\.space\.a=3 is not valid: expected a list"),
        (["search.space={a: [1"], "in quotes"),
        ([SPACE, "search.metric=test/oa"], r"search\.metric=test/oa .*val/oa"),
    ],
)
def test_mistakes_are_told(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_search(words)


def metrics(path: Path, *values: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["epoch,train/loss,val/oa"]
    for epoch, value in enumerate(values):
        lines += [f"{epoch},0.5,", f"{epoch},,{value}"]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_metric_is_read_while_the_file_is_written(tmp_path: Path) -> None:
    path = metrics(tmp_path / "metrics.csv", 0.25, 0.5)
    assert read_metric(path, "val/oa") == {0: 0.25, 1: 0.5}
    path.write_text(path.read_text() + "2,,0.\n3,")
    assert read_metric(path, "val/oa") == {0: 0.25, 1: 0.5, 2: 0.0}
    assert read_metric(tmp_path / "none.csv", "val/oa") == {}
    with pytest.raises(ConfigError, match=r"val/accuracy is no column .*val/oa"):
        read_metric(path, "val/accuracy")


def options(**changed: Any) -> SearchOptions:
    space = {"loss.lambda1": Range(low=0.0, high=1.0)}
    return SearchOptions(**{"space": space, "startup": 2, "warmup_epochs": 1, **changed})


@pytest.fixture
def study(tmp_path: Path) -> Study:
    pytest.importorskip("optuna", reason="the extra 'search' is not installed")
    return Study(options(), tmp_path / "study.journal")


def finish(study: Study, path: Path, *values: float) -> float | None:
    watched, _ = study.ask()
    study.report(watched, metrics(path, *values))
    return study.tell(watched, failed=False)


def test_a_run_that_falls_behind_is_pruned(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    assert finish(study, path, 0.5, 0.7, 0.6) == 0.7
    assert finish(study, path, 0.5, 0.6, 0.8) == 0.8
    watched, words = study.ask()
    assert words[0].startswith("loss.lambda1=0.")
    assert not study.report(watched, metrics(path, 0.1)), "within the warm-up"
    assert study.report(watched, metrics(path, 0.1, 0.1))
    assert study.tell(watched, failed=False) == 0.1
    assert study.counted == 3
    found = study.best()
    assert found is not None
    assert found.value == 0.8


def test_a_search_that_died_goes_on_with_what_it_was_trying(study: Study, tmp_path: Path) -> None:
    finish(study, tmp_path / "metrics.csv", 0.5)
    _, words = study.ask()
    again = Study(options(), tmp_path / "study.journal")
    assert again.counted == 1
    assert again.ask()[1] == words
    assert again.ask()[1] != words


def test_a_failed_run_is_no_trial(study: Study) -> None:
    watched, _ = study.ask()
    assert study.tell(watched, failed=True) is None
    assert study.counted == 0
    assert study.best() is None


def test_a_diverged_run_is_a_trial_that_ranks_last(study: Study, tmp_path: Path) -> None:
    """Its OA before the end may be the highest: NaN is often the largest class."""
    path = tmp_path / "metrics.csv"
    finish(study, path, 0.5)
    watched, _ = study.ask()
    study.report(watched, metrics(path, 0.9, 0.9))
    assert study.tell(watched, failed=False, diverged=True) is None
    assert (study.counted, study.diverged) == (2, 1)
    found = study.best()
    assert found is not None
    assert found.value == 0.5


def test_an_epoch_without_a_finite_validation_loss_has_no_value(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,val/loss,val/oa\n0,0.5,0.4\n1,nan,0.9\n2,inf,0.8\n")
    assert read_metric(path, "val/oa") == {0: 0.4}


def test_the_exit_code_of_a_diverged_run_is_told_apart(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "print('ackd: The training of the student has diverged'); sys.exit(3)"
    study.options = options(trials=2, metric="val/oa", direction="maximize")

    def next_job(study: Study, record: Record, *_: object) -> tuple[Any, Any]:
        watched, _ = study.ask()
        job = jobs_of(tmp_path, *[script] * (watched.trial.number + 1))[-1]
        record.add(job)
        return job, watched

    pool = Pool(places(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ackd.search._next_job", next_job)
        with Record([], tmp_path, [], pool) as record, pool:
            _run_trials(study, pool, record, [])
    assert study.diverged == study.counted == 2
    assert len(record.diverged) == 2
    assert all("has diverged" in line for line in record.diverged)
    assert (record.failures, _failures(record, study)) == ([], record.diverged)
    assert record.states.of(record.jobs[0])["state"] == "diverged"
    _print_best(study, tmp_path, "strict")
    assert "2 of 2 trials diverged" in capsys.readouterr().out
    finish(study, tmp_path / "metrics.csv", 0.5)
    assert _failures(record, study) == [], "the search has a best trial"


def test_a_variable_that_no_trial_inherits_refuses_none(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    with Record([], tmp_path, []) as record:
        job, _ = _next_job(study, record, ["trainer.accelerator=cpu", "trainer.devices=2"])
    assert job.mistake is None
    assert job.devices == 2


def test_less_may_be_better(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="the extra 'search' is not installed")
    down = Study(options(direction="minimize"), tmp_path / "down.journal")
    assert finish(down, tmp_path / "metrics.csv", 0.5, 0.2, 0.3) == 0.2
    with pytest.raises(ConfigError, match=r"search\.direction=maximize"):
        Study(options(), tmp_path / "down.journal")


@pytest.mark.parametrize("protocol", ["strict", "paper"])
def test_the_last_lines_say_where_the_best_student_is(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], protocol: str
) -> None:
    for name, val, test in (("good", 0.8, 0.5), ("bad", 0.6, 0.9)):
        watched, _ = study.ask()
        study.remember(watched, name)
        study.report(watched, metrics(tmp_path / name / "metrics.csv", val))
        study.tell(watched, failed=False)
        student = {
            "metrics": {"oa": test, "f1": 0.4}, "validation": {"oa": val, "f1": 0.7},
            "interval": {"oa": [0.45, 0.55], "f1": [0.3, 0.5]},
        }  # fmt: skip
        content = {"student": student, "teacher": None, "protocol": protocol}
        (tmp_path / name / "result.json").write_text(json.dumps(content))
    again = Study(options(), tmp_path / "study.journal")
    _print_best(again, tmp_path, protocol)
    said = capsys.readouterr().out
    assert "best val/oa 0.8000 with loss.lambda1=" in said
    assert ("which are the test images" in said) == (protocol == "paper")
    assert ("chosen by validation images; test images decided" in said) == (protocol == "strict")
    assert "test OA 50.0 % (95 % interval 45.0 to 55.0)" in said
    assert f"student: {tmp_path / 'good' / 'student.pt'}\n" in said


def test_a_search_without_a_result_says_so(study: Study, tmp_path: Path, capsys: Any) -> None:
    _print_best(study, tmp_path, "strict")
    assert "none has a result" in capsys.readouterr().out
