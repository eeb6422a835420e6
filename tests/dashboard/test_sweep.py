"""A sweep with W&B offline, one of its jobs failing in mid-training, read back from its files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.running import TINY, Done, environment, train
from tests.dashboard.offline import OfflineRun, find_runs, read_records, read_run

pytestmark = pytest.mark.slow

FAILING = """
import torch

class Failing(torch.optim.SGD):
    steps = 0

    def step(self, closure=None):
        Failing.steps += 1
        if Failing.steps > 3:
            raise RuntimeError("the power went out")
        return super().step(closure)
"""


@dataclass(frozen=True)
class Sweep:
    """What a sweep left behind."""

    done: Done
    folder: Path
    runs: list[OfflineRun]

    def one(self, job_type: str, exit_code: int = 0) -> OfflineRun:
        (run,) = [r for r in self.runs if (r.job_type, r.exit_code) == (job_type, exit_code)]
        return run


def read(run: OfflineRun) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The configuration, all logged values (the last of each name) and the summary of a run."""
    config: dict[str, Any] = {}
    logged: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    for record in read_records(next(run.folder.glob("*.wandb"))):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            updates, target = record.run.config.update, config
        elif kind == "config":
            updates, target = record.config.update, config
        elif kind == "history":
            updates, target = record.history.item, logged
        elif kind == "summary":
            updates, target = record.summary.update, summary
        else:
            continue
        for item in updates:
            key = item.key or "/".join(item.nested_key)
            target[key] = json.loads(item.value_json)
    return config, logged, summary


@pytest.fixture(scope="module", params=["basic", "local_pool"])
def sweep(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    cwd = tmp_path_factory.mktemp("sweep")
    (cwd / "failing.py").write_text(FAILING)
    paths = environment(cwd)["PYTHONPATH"] + f":{cwd}"
    done = train(
        "-m", *TINY, f"hydra/launcher={request.param}", "logger=wandb",
        "data.ms_per_class=15", "matching=random", "dynm.e0=1",
        "student.max_epochs=2", "transport.sample=8", "logger.wandb.tags=[mine]",
        "student.optimizer={_target_: torch.optim.SGD, lr: 0.01},"
        "{_target_: failing.Failing, lr: 0.01}",
        cwd=cwd, PYTHONPATH=paths, WANDB_SILENT="true",
    )  # fmt: skip
    (record,) = (cwd / "outputs").rglob("multirun.yaml")
    runs = [run for path in find_runs(cwd / "outputs") if (run := read_run(path)) is not None]
    return Sweep(done, record.parent, runs)


def test_one_run_a_job_and_stage(sweep: Sweep) -> None:
    assert sweep.done.code == 1
    assert "the power went out" in sweep.done.last
    found = sorted((run.job_type, run.exit_code) for run in sweep.runs)
    assert found == [("student", 0), ("student", 1), ("teacher", 0)]


def test_group_name_and_tags(sweep: Sweep) -> None:
    assert {run.group for run in sweep.runs} == {sweep.folder.name}
    assert {run.project for run in sweep.runs} == {"ackd"}
    student = sweep.one("student")
    assert student.name.startswith("optimizer=") or student.name.startswith("student.optimizer=")
    assert sweep.one("student", 1).name != student.name
    assert sweep.one("teacher").name == "teacher test_resnet s0"
    assert student.tags == ("mine", "sembridge", "vanilla", "paper", "synthetic")


def test_configuration_and_numbers(sweep: Sweep) -> None:
    student = sweep.one("student")
    config, logged, summary = read(student)
    assert config["stage"] == "student"
    assert config["loss"]["lambda1"] == 0.4
    assert config["student"]["optimizer"] == {"_target_": "torch.optim.SGD", "lr": 0.01}
    wanted = {f"{kind}/{term}" for kind in ("loss", "weighted") for term in ("task", "vanilla")}
    wanted |= {"loss/ot1", "weighted/ot2", "val/oa", "val/f1", "test/oa", "test/f1"}
    wanted |= {f"dynm/{k}" for k in ("share_changed", "kl_before", "kl_after")}
    wanted |= {"dynm/distinct_teachers", "transport/features", "transport/logits"}
    assert wanted <= set(logged)
    folder = Path(config["folder"])
    assert folder.parent == sweep.folder
    result = json.loads((folder / "result.json").read_text())
    for key, value in result["student"]["metrics"].items():
        assert summary[f"test/{key}"] == pytest.approx(value)
        assert logged[f"test/{key}"] == pytest.approx(value)


def test_confusion_matrix(sweep: Sweep) -> None:
    for job_type in ("student", "teacher"):
        run = sweep.one(job_type)
        config, logged, _ = read(run)
        chart = config["_wandb/visualize/test/confusion"]
        assert chart["panel_config"]["panelDefId"] == "wandb/confusion_matrix/v1"
        table = json.loads((run.folder / "files" / logged["test/confusion_table/path"]).read_text())
        assert table["columns"] == ["Actual", "Predicted", "nPredictions"]
        hits = sum(count for true, said, count in table["data"] if true == said)
        everything = sum(count for _, _, count in table["data"])
        assert hits / everything == pytest.approx(logged["test/oa"])


def test_picture_of_pairs(sweep: Sweep) -> None:
    run = sweep.one("student")
    _, logged, _ = read(run)
    assert "changed" in logged["pairs/matched/captions"][0]
    pictures = sorted((run.folder / "files" / "media" / "images" / "pairs").glob("*.png"))
    assert len(pictures) == 3  # the first pairs, and two matchings
    assert (run.folder / "files" / logged["pairs/matched/filenames"][0]) in pictures
    with Image.open(pictures[0]) as picture:
        assert picture.size == (6 * 104, 2 * 104)
        assert len(picture.getcolors(1 << 20) or ()) > 100


def test_the_failed_job_is_marked_and_says_why(sweep: Sweep) -> None:
    failed = sweep.one("student", 1)
    _, logged, summary = read(failed)
    assert summary["error"] == "RuntimeError: the power went out"
    assert "test/oa" not in logged
    assert "pairs/matched/captions" in logged or "pairs/matched/filenames" in logged
