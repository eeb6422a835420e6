"""What the labels are: the loss against them, metrics, predictions and what reports show."""

from ackd.tasks.base import Answers, Augment, ClassMetric, ConfusionChart, Metric, Picture, Task
from ackd.tasks.description import MetricDescription, TaskDescription, mode_of
from ackd.tasks.known import segmentation_task_of, task_of, task_of_result
from ackd.tasks.scenes import MultiLabelClassification, SceneClassification
from ackd.tasks.segmentation import MulticlassSegmentation, SegmentationTask

__all__ = [
    "Answers",
    "Augment",
    "ClassMetric",
    "ConfusionChart",
    "Metric",
    "MetricDescription",
    "MultiLabelClassification",
    "MulticlassSegmentation",
    "Picture",
    "SceneClassification",
    "SegmentationTask",
    "Task",
    "TaskDescription",
    "mode_of",
    "segmentation_task_of",
    "task_of",
    "task_of_result",
]
