"""Thin Lightning modules around the networks, losses and data."""

from ackd.modules.datamodule import UnpairedDataModule
from ackd.modules.distill import DistillModule
from ackd.modules.matcher import MatcherModule
from ackd.modules.objective import DistillationObjective, LossWeights
from ackd.modules.paired_datamodule import PairedDataModule
from ackd.modules.reconstruction import ReconstructionModule
from ackd.modules.teacher import TeacherModule
from ackd.modules.teacher_outputs import LiveTeacher, StoredTeacher, TeacherOutputs
from ackd.modules.teacher_store import TeacherStore, open_store, write_store

__all__ = [
    "DistillModule",
    "DistillationObjective",
    "LiveTeacher",
    "LossWeights",
    "MatcherModule",
    "PairedDataModule",
    "ReconstructionModule",
    "StoredTeacher",
    "TeacherModule",
    "TeacherOutputs",
    "TeacherStore",
    "UnpairedDataModule",
    "open_store",
    "write_store",
]
