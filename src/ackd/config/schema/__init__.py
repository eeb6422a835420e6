"""Every option, its type and its range.

``run`` has the whole, ``stages`` what the teacher, the matcher and the student have, ``data`` the
data sets; ``options`` lists their names, ``identity`` says which of them make a run this run.
"""

from ackd.config.schema.run import (
    BackboneConfig,
    Config,
    DynMConfig,
    ExecutionConfig,
    KDTermConfig,
    LoaderConfig,
    LossConfig,
    MatcherConfig,
    MatchingConfig,
    PlannerConfig,
    SchedulerConfig,
    Section,
    SKAConfig,
    StudentConfig,
    TeacherConfig,
    TransportConfig,
    WandbConfig,
)

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
    "PlannerConfig",
    "SKAConfig",
    "SchedulerConfig",
    "Section",
    "StudentConfig",
    "TeacherConfig",
    "TransportConfig",
    "WandbConfig",
]
