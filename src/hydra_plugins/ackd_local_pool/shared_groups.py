"""Lets a program whose configuration is a folder of ``conf/`` use the groups that all share."""

from __future__ import annotations

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

__all__ = ["SharedGroups"]


class SharedGroups(SearchPathPlugin):
    """Searches ``conf/`` after the program's own folder; ``hydra.searchpath`` stays the user's."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add ``conf/`` behind the folder of the primary configuration."""
        from ackd.config.location import config_dir
        from ackd.config.programs import PROGRAMS

        folders = {program.config_dir for program in PROGRAMS if program.folder}
        places = [Path(item.path.removeprefix("file://")) for item in search_path.get_path()]
        if any(place in folders for place in places):
            search_path.append("ackd", f"file://{config_dir()}")
