"""Every option, its type and its range.

``base`` has what every program shares and ``training`` what every stage that trains a network has;
``run`` is scene classification as a whole, ``stages`` its teacher, matcher and student, ``data``
its data sets. ``options`` lists their names, ``identity`` says which of them make a run this run.
"""

from ackd.config.schema.base import (
    ExecutionConfig,
    LoaderConfig,
    PlannedStage,
    RunConfig,
    WandbConfig,
)
from ackd.config.schema.run import (
    Config,
    DynMConfig,
    KDTermConfig,
    LossConfig,
    MatchingConfig,
    PlannerConfig,
    SKAConfig,
    TransportConfig,
)
from ackd.config.schema.stages import BackboneConfig, MatcherConfig, StudentConfig, TeacherConfig
from ackd.config.schema.training import SchedulerConfig, Section, TrainingConfig

__all__ = [
    "BackboneConfig",
    "Config",
    "DynMConfig",
    "ExecutionConfig",
    "KDTermConfig",
    "LoaderConfig",
    "LossConfig",
    "MatcherConfig",
    "MatchingConfig",
    "PlannedStage",
    "PlannerConfig",
    "RunConfig",
    "SKAConfig",
    "SchedulerConfig",
    "Section",
    "StudentConfig",
    "TeacherConfig",
    "TrainingConfig",
    "TransportConfig",
    "WandbConfig",
]
