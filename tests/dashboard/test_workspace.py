"""The request that lays out the panels: written out and looked at, never sent."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ackd.dashboard import build_workspace
from ackd.dashboard.__main__ import main
from ackd.errors import AckdError

# Its own: it is written for an older pydantic.
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic V1 style")

# What a run of SemBridge logs, as in its metrics.csv.
LOGGED = (
    "val/oa", "val/f1", "best/val_oa", "best/val_f1", "test/oa", "test/f1", "train/loss",
    "val/loss", "loss/task", "loss/ot1",
    "weighted/task", "weighted/ot2", "floor/ot1", "dynm/share_changed", "dynm/kl_before",
    "dynm/kl_after", "dynm/distinct_teachers", "dynm/teachers_of_half",
    "dynm/agreement_with_first", "dynm/kl_class/River", "transport/features", "transport/logits",
    "transport/nearest_logits", "transport/pairs_features",
)  # fmt: skip


# What students and reconstructions of segmentation log.
LOGGED_OF_TILES = (
    "val/iou", "val/iou_tile_mean", "val/recall", "best/val_iou", "test/iou", "test/precision",
    "test/all_positive_iou", "train/loss", "val/loss", "train/cos_mid", "val/cos_fin",
    "train/tiles_without_data",
)  # fmt: skip


def sections(content: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found = content["spec"]["section"]["panelBankConfig"]["sections"]
    return {section["name"]: section["panels"] for section in found}


def laid_out(**options: Any) -> dict[str, Any]:
    pytest.importorskip("wandb_workspaces", reason="the extra 'dashboard' is not installed")
    view = build_workspace("team", "ackd", **options)
    # What `save` sends; wandb-workspaces has no public word for it.
    return dict(view._to_model().model_dump(mode="json", by_alias=True, exclude_none=True))


@pytest.fixture
def content() -> dict[str, Any]:
    return laid_out(group="table7")


@pytest.mark.parametrize(("task", "logged"), [("scene", LOGGED), ("segmentation", LOGGED_OF_TILES)])
def test_every_logged_number_has_a_panel(task: str, logged: tuple[str, ...]) -> None:
    content = laid_out(task=task)
    configs = [panel["config"] for panels in sections(content).values() for panel in panels]
    for metric in logged:
        named = any(metric in config.get("metrics", ()) for config in configs)
        fits = any(
            config.get("useMetricRegex") and re.search(config["metricRegex"], metric)
            for config in configs
        )
        assert named or fits, metric


def test_no_panel_mixes_what_is_not_comparable(content: dict[str, Any]) -> None:
    for panels in sections(content).values():
        for config in (panel["config"] for panel in panels):
            if config.get("useMetricRegex"):
                fitting = [m for m in LOGGED if re.search(config["metricRegex"], m)]
                assert fitting
                assert len({metric.partition("/")[0] for metric in fitting}) == 1


def test_pictures_confusion_and_options(content: dict[str, Any]) -> None:
    found = sections(content)
    assert found["Matched pairs"][0]["config"]["mediaKeys"] == ["pairs/matched"]
    confusion = found["Confusion"][0]["config"]
    assert confusion["panelDefId"] == "wandb/confusion_matrix/v1"
    assert "test/confusion_table" in json.dumps(confusion["userQuery"])
    columns = [c["accessor"] for c in found["What varied"][0]["config"]["columns"]]
    assert "config:loss.value.lambda1" in columns
    # Options are chosen by validation images, also on a dashboard.
    assert "summary:best/val_oa" in columns
    assert "test/" not in json.dumps(found["What varied"])


def test_segmentation_shows_its_stages_and_tiles() -> None:
    content = laid_out(task="segmentation")
    found = sections(content)
    assert found["Tiles"][0]["config"]["mediaKeys"] == ["test/tiles"]
    assert not {"Confusion", "Matched pairs", "Re-matching"} & set(found)
    columns = [c["accessor"] for c in found["What varied"][0]["config"]["columns"]]
    assert {"config:labels.value.fraction", "summary:best/val_iou"} <= set(columns)
    (run_set,) = content["spec"]["section"]["runSets"]
    (jobs,) = (f["value"] for f in run_set["filters"]["filters"] if f["key"]["name"] == "jobType")
    assert jobs == ["student", "reconstruction", "reconstruction2"]
    with pytest.raises(AckdError, match=r"no task 'segment'.*Did you mean 'segmentation'"):
        build_workspace("team", "ackd", task="segment")


def test_students_of_the_sweep_alone(content: dict[str, Any]) -> None:
    runs = content["spec"]["section"]["runSets"][0]
    filters = {f["key"]["name"]: f["value"] for f in runs["filters"]["filters"]}
    assert filters == {"jobType": "student", "group": "table7"}
    assert runs["runFeed"]["columnPinned"]["summary:test/oa"] is True
    assert (content["entity"], content["project"]) == ("team", "ackd")


def test_the_command_says_where_the_view_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspaces = pytest.importorskip("wandb_workspaces.workspaces")
    saved = []

    def save(view: workspaces.Workspace) -> object:
        saved.append((view.entity, view.project, view.name))
        return SimpleNamespace(url="https://wandb.ai/team/p?nw=1")

    monkeypatch.setattr(workspaces.Workspace, "save", save)
    main(["workspace", "team", "--project", "p", "--name", "mine"])
    assert saved == [("team", "p", "mine")]
    assert capsys.readouterr().out == "https://wandb.ai/team/p?nw=1\n"


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith("wandb_workspaces"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    with pytest.raises(AckdError, match=r"ackd\[dashboard\]"):
        build_workspace("team", "ackd")
    with pytest.raises(SystemExit, match="not installed"):
        main(["workspace", "team"])


def test_a_refusal_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    workspaces = pytest.importorskip("wandb_workspaces.workspaces")

    def refuse(self: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(workspaces.Workspace, "save", refuse)
    with pytest.raises(SystemExit, match=r"team/ackd could not be made .*no network"):
        main(["workspace", "team"])
