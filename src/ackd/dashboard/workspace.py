"""The panels of a W&B workspace, so that runs can be compared without arranging anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ackd.errors import AckdError, unknown
from ackd.tasks import SceneClassification, SegmentationTask, TaskDescription

if TYPE_CHECKING:
    import wandb_workspaces.workspaces as ws

__all__ = ["NAME", "build_workspace", "save"]

NAME = "ackd"
X = "trainer/global_step"

# Sections of line panels: title, and the metrics of each panel. A pattern is one panel with every
# metric that fits.
LOSSES = ("train/loss", "val/loss", "loss/.*", "weighted/.*", "floor/ot1")
REMATCHING = (
    "dynm/share_changed", "dynm/kl_before|dynm/kl_after", "dynm/distinct_teachers",
    "dynm/agreement_with_first", "dynm/teachers_of_half", "dynm/kl_class/.*",
)  # fmt: skip
TRANSPORT = (
    "transport/features", "transport/logits", "transport/nearest_.*", "transport/pairs_.*",
)  # fmt: skip


@dataclass(frozen=True)
class _Layout:
    """What the runs of one task log.

    Attributes:
        task: Their metrics.
        jobs: The stages that are shown.
        options: That are looked at side by side; runs are scattered over the first ones.
        scattered: Over how many of them.
        losses: Line panels.
        sections: Titles of further sections, with their line panels.
        pictures: Title of a section and key of its pictures.
        confusion: Whether there is a confusion matrix.
    """

    task: TaskDescription
    jobs: tuple[str, ...]
    options: tuple[str, ...]
    scattered: int
    losses: tuple[str, ...]
    sections: Mapping[str, tuple[str, ...]]
    pictures: tuple[str, str]
    confusion: bool = False


LAYOUTS = {
    SceneClassification.name: _Layout(
        SceneClassification.description(), ("student",),
        # What the paper's sensitivity plots vary.
        ("loss.lambda1", "planner.heads", "dynm.gamma", "seed"), 3, LOSSES,
        {"Re-matching": REMATCHING, "Transport cost": TRANSPORT},
        ("Matched pairs", "pairs/matched"), confusion=True,
    ),
    SegmentationTask.name: _Layout(
        SegmentationTask.description(), ("student", "reconstruction", "reconstruction2"),
        ("labels.fraction", "student.finetune", "student.start", "seed"), 1,
        ("train/loss", "val/loss"),
        {"Reconstruction": ("train/cos_.*", "val/cos_.*", "train/tiles_without_data")},
        ("Tiles", "test/tiles"),
    ),
}  # fmt: skip


def build_workspace(
    entity: str,
    project: str,
    *,
    group: str | None = None,
    name: str = NAME,
    task: str = SceneClassification.name,
) -> ws.Workspace:
    """Lay out the panels.

    Args:
        entity: User or team in W&B.
        project: As ``logger.wandb.project``.
        group: Show the runs of this sweep only.
        name: Of the view.
        task: Of the runs, ``"scene"`` or ``"segmentation"``.

    Raises:
        AckdError: wandb-workspaces is not installed, or there is no such task.
    """
    if task not in LAYOUTS:
        raise unknown("task", task, LAYOUTS, "--task")
    layout = LAYOUTS[task]
    ws, wr = _packages()
    described = layout.task
    # What options are chosen by: validation images, with the weights of the chosen epoch.
    chosen_by = f"best/val_{described.selected_by}"
    pinned = [
        f"{place}{metric.name}" for place in ("best/val_", "test/") for metric in described.metrics
    ]
    job = ws.Metric("JobType")
    shown = [job.isin(list(layout.jobs)) if len(layout.jobs) > 1 else job == layout.jobs[0]]
    if group is not None:
        shown.append(ws.Metric("Group") == group)
    test = [
        wr.BarPlot(title=f"{metric.title} on the {images} images", metrics=[place + metric.name])
        for metric in described.metrics
        for images, place in (("validation", "best/val_"), ("test", "test/"))
    ]
    columns = [
        wr.ParallelCoordinatesPlotColumn(metric=wr.Config(option)) for option in layout.options
    ]
    columns.append(wr.ParallelCoordinatesPlotColumn(metric=wr.SummaryMetric(chosen_by)))
    sections = {
        "Accuracy": [*test, *_lines(wr, [f"val/{metric.name}" for metric in described.metrics])],
        "Losses, raw and weighted": _lines(wr, layout.losses),
        "What varied": [
            wr.ParallelCoordinatesPlot(
                title=f"options and validation {described.selection.head}", columns=columns
            ),
            *(
                wr.ScatterPlot(
                    title=f"{option}, by validation", x=wr.Config(option),
                    y=wr.SummaryMetric(chosen_by),
                )
                for option in layout.options[: layout.scattered]
            ),
            wr.RunComparer(diff_only="split"),
        ],
        **{head: _lines(wr, metrics) for head, metrics in layout.sections.items()},
        layout.pictures[0]: [wr.MediaBrowser(title="pictures", media_keys=[layout.pictures[1]])],
    }  # fmt: skip
    if layout.confusion:
        sections["Confusion"] = [
            wr.CustomChart(
                query={"summaryTable": {"tableKey": "test/confusion_table"}},
                chart_name="wandb/confusion_matrix/v1",
                chart_fields={
                    "Actual": "Actual", "Predicted": "Predicted", "nPredictions": "nPredictions",
                },
                chart_strings={"title": "Test images"},
            )
        ]  # fmt: skip
    return ws.Workspace(
        entity=entity,
        project=project,
        name=name,
        sections=[
            ws.Section(name=title, panels=panels, is_open=True)
            for title, panels in sections.items()
        ],
        settings=ws.WorkspaceSettings(x_axis=X, smoothing_type="none", max_runs=50),
        runset_settings=ws.RunsetSettings(
            filters=ws.And(*shown),
            pinned_columns=[
                "run:displayName", *(f"summary:{metric}" for metric in pinned),
                *(f"config:{_stored(option)}" for option in layout.options),
            ],
        ),
    )  # fmt: skip


def save(workspace: ws.Workspace) -> str:
    """Make the view in W&B and return its address; needs an account and the network.

    Raises:
        AckdError: W&B refuses, or cannot be reached.
    """
    try:
        return str(workspace.save().url)
    except Exception as error:
        raise AckdError(
            f"The workspace of {workspace.entity}/{workspace.project} could not be made "
            f"({type(error).__name__}: {error}). It needs `wandb login`, the network and a project "
            "that has a run."
        ) from error


def _lines(wr: Any, metrics: Sequence[str]) -> list[Any]:
    panels = []
    for metric in metrics:
        if any(sign in metric for sign in "*|"):
            title = metric.replace(".*", "…").replace("|", ", ")
            panels.append(wr.LinePlot(title=title, x=X, metric_regex=f"^({metric})$"))
        else:
            panels.append(wr.LinePlot(title=metric, x=X, y=[metric]))
    return panels


def _stored(option: str) -> str:
    """Where W&B keeps an option: ``loss.value.lambda1`` for ``loss.lambda1``."""
    first, *rest = option.split(".")
    return ".".join([first, "value", *rest])


def _packages() -> tuple[Any, Any]:
    try:
        import wandb_workspaces.reports.v2 as wr
        import wandb_workspaces.workspaces as ws
    except ImportError as error:
        raise AckdError(
            "The panels are laid out with the package wandb-workspaces, which is not installed: "
            "pip install 'ackd[dashboard]'"
        ) from error
    return ws, wr
