"""From the command line to result.json, from a folder that is not the checkout."""

from __future__ import annotations

import csv
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from ackd.backbones import build_backbone
from ackd.data.synthetic import make_synthetic
from tests.cli.conftest import Pipeline
from tests.cli.running import TINY, run_folders, train

# Exactly what a reader of result.json may rely on.
RESULT = {
    "schema_version", "experiment", "method", "recipe", "seed", "data", "protocol", "teacher",
    "matcher", "student", "seconds", "device", "git", "versions",
}  # fmt: skip
SECONDS = {"teacher", "store", "matcher", "galleries", "distill", "dynm", "planner"}


def result(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text(encoding="utf-8"))


def test_both_runs_succeed_and_say_where_their_result_is(pipeline: Pipeline) -> None:
    for done, folder in ((pipeline.first, pipeline.folder), (pipeline.second, pipeline.again)):
        assert done.code == 0
        assert "Traceback" not in done.err
        assert str(folder / "result.json") in done.out


def test_a_run_folder_has_everything(pipeline: Pipeline) -> None:
    names = {str(p.relative_to(pipeline.folder)) for p in pipeline.folder.rglob("*")}
    assert {
        "config.yaml", "metrics.csv", "result.json", "run.json", "train.log", "predictions.csv",
        "student.pt", "checkpoints/best.ckpt", "checkpoints/last.ckpt",
    } <= names  # fmt: skip
    assert pipeline.folder.relative_to(pipeline.cwd).parts[:3] == (
        "outputs", "embedded", "sembridge-s0",
    )  # fmt: skip
    # The folder is its home as well, where libraries keep what is theirs.
    left = {path.name for path in pipeline.cwd.iterdir()}
    assert left <= {"outputs", "artifacts", ".cache", ".config"}


def test_the_config_is_resolved_and_composes_the_same_run(pipeline: Pipeline) -> None:
    text = (pipeline.folder / "config.yaml").read_text(encoding="utf-8")
    assert "${" not in text
    cfg = OmegaConf.create(text)
    assert (cfg.seed, cfg.student.max_epochs, cfg.data.size) == (0, 2, 32)
    assert cfg.loss.kd.vanilla.loss.temperature == 3.0
    assert "hydra" not in cfg


def test_metrics_csv_has_a_row_an_epoch_with_every_term_raw_and_weighted(
    pipeline: Pipeline,
) -> None:
    with (pipeline.folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = {row["epoch"] for row in rows if row.get("train/loss")}
    assert epochs == {"0", "1"}
    columns = set(rows[0])
    for term in ("task", "vanilla", "ot1", "ot2"):
        matching = {name for name in columns if name.endswith(f"/{term}")}
        assert len(matching) >= 2, (term, columns)
    assert {"dynm/share_changed", "dynm/kl_before", "dynm/kl_after", "dynm/seconds"} <= columns


def test_result_json_has_the_keys_that_were_promised(pipeline: Pipeline) -> None:
    content = result(pipeline.folder)
    assert set(content) >= RESULT
    assert set(content) - RESULT <= {"kd", "reused", "artifacts"}
    assert set(content["seconds"]) == SECONDS
    assert all(value >= 0 for value in content["seconds"].values())
    assert content["schema_version"] == 1
    assert (content["experiment"], content["method"]) == ("embedded", "sembridge")
    assert (content["recipe"], content["seed"], content["protocol"]) == ("paper", 0, "strict")
    for side in ("teacher", "student"):
        assert content[side]["backbone"] == "test_resnet"
        assert {"oa", "f1"} <= set(content[side]["metrics"])
        assert all(0 <= value <= 1 for value in content[side]["metrics"].values())
    data = content["data"]
    assert data["partial"] is False
    assert {side: sum(sizes.values()) for side, sizes in data["split_sizes"].items()} == {
        "ms": 60, "rgb": 75,
    }  # fmt: skip
    assert {"python", "ackd", "torch", "lightning", "hydra-core"} <= set(content["versions"])
    assert content["device"]


def test_seconds_were_really_taken(pipeline: Pipeline) -> None:
    seconds = result(pipeline.folder)["seconds"]
    for stage in SECONDS:
        assert seconds[stage] > 0, stage
    assert seconds["dynm"] + seconds["planner"] < seconds["distill"]


def test_the_second_run_says_what_it_reuses_and_what_it_was_forced_to_train(
    pipeline: Pipeline,
) -> None:
    assert "training teacher" in pipeline.first.out
    assert "training matcher" in pipeline.first.out
    assert "reusing" not in pipeline.first.out
    # Forced, though it was finished and the seed of the student has nothing to do with it.
    assert "training teacher" in pipeline.second.out
    assert "reusing matcher" in pipeline.second.out
    assert "force=[matcher]" in pipeline.second.out
    assert result(pipeline.again)["reused"] == ["matcher", "store"]
    teachers = [result(f)["teacher"] for f in (pipeline.folder, pipeline.again)]
    assert teachers[0]["fingerprint"] == teachers[1]["fingerprint"]
    assert teachers[0]["metrics"] == teachers[1]["metrics"]


@pytest.mark.slow
def test_a_sweep_trains_teacher_and_matcher_once_and_tells_of_the_job_that_failed(
    tmp_path: Path,
) -> None:
    done = train("-m", *TINY, "loss.lambda1=0.2,0.4", "planner.heads=4,7", cwd=tmp_path)
    assert done.code == 1
    assert done.out.count("training teacher") == 1
    assert done.out.count("training matcher") == 1
    assert done.out.count("reusing teacher") == done.out.count("reusing matcher") == 1
    # Each job says what was varied for it, and all stand in a table at the end.
    for number, words in enumerate(product((0.2, 0.4), (4, 7))):
        assert f"job {number}: loss.lambda1={words[0]}, planner.heads={words[1]}\n" in done.out
    table = done.out[done.out.index("4 jobs in ") :]
    assert "validation OA %" in table
    assert table.count(" finished ") == 2
    assert table.count(" failed ") == 2
    assert "Best by validation: loss.lambda1=" in table
    folders = run_folders(tmp_path)
    configs = [OmegaConf.load(folder / "config.yaml") for folder in folders]
    assert {(c.loss.lambda1, c.planner.heads) for c in configs} == {(0.2, 4), (0.4, 4)}
    assert len({result(folder)["teacher"]["fingerprint"] for folder in folders}) == 1
    closing = done.err[done.err.rindex("2 of the jobs failed") :]
    assert "job 1 (" in closing
    assert "job 3 (" in closing
    assert "planner.heads=7" in closing
    assert "Traceback" not in done.err


def test_the_exported_student_says_what_the_run_wrote_down(pipeline: Pipeline) -> None:
    """The way that the README shows to use a student elsewhere."""
    saved = torch.load(pipeline.folder / "student.pt", weights_only=True)
    student = build_backbone(
        **saved["backbone"], bands=len(saved["bands"]), classes=len(saved["classes"])
    )
    student.load_state_dict(saved["state_dict"])
    student.eval()
    scenes = make_synthetic(ms_per_class=20, rgb_per_class=25, size=saved["size"], classes=3).rgb
    with (pipeline.folder / "predictions.csv").open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    chosen = [i for i, name in enumerate(scenes.files) if str(name) in rows]
    assert len(chosen) == len(rows) == 15
    images = torch.from_numpy(scenes.images[chosen]).float()
    with torch.no_grad():
        logits = student((images - saved["mean"]) / saved["std"]).logits
    for i, said in zip(chosen, logits, strict=True):
        written = [float(rows[str(scenes.files[i])][name]) for name in saved["classes"]]
        torch.testing.assert_close(said, torch.tensor(written), rtol=1e-4, atol=1e-4)
