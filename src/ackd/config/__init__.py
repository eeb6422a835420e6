"""The configuration: where it lies, what it may hold, and what is said when it is wrong."""

from ackd.config.check import check_config
from ackd.config.location import config_dir
from ackd.config.schema import Config

__all__ = ["Config", "check_config", "config_dir"]
