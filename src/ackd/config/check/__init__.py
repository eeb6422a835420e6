"""Whether a configuration can run: from names and values to what has to be built once."""

from ackd.config.check.composed import (
    check_architecture,
    check_composed,
    check_config,
    look_around,
    parse,
    save_resolved,
)

__all__ = [
    "check_architecture",
    "check_composed",
    "check_config",
    "look_around",
    "parse",
    "save_resolved",
]
