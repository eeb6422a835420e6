"""Lets a program whose configuration is a folder of ``conf/`` use the groups that all share."""

from __future__ import annotations

import builtins
from pathlib import Path

from hydra._internal.core_plugins import file_config_source
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.search_path_plugin import SearchPathPlugin

__all__ = ["SharedFiles", "SharedGroups"]

#: Of the search path: a folder of which only the shared groups are seen.
SCHEME = "ackd-shared"


class SharedFiles(file_config_source.FileConfigSource):
    """The shared groups of ``conf/``, and nothing else of it.

    All others there are those of ``python -m ackd.train``. Hydra takes ``method=mine`` for a choice
    wherever there is a group ``method``, so that a program could not have an option of that name.
    """

    @staticmethod
    def scheme() -> str:
        """How a search path says that it means this."""
        return SCHEME

    def is_group(self, config_path: str) -> bool:
        """Whether this is a folder of a shared group, or the top itself."""
        return _is_shared(config_path) and super().is_group(config_path)

    def is_config(self, config_path: str) -> bool:
        """Whether this is a choice of a shared group."""
        return _is_shared(config_path) and super().is_config(config_path)

    def list(self, config_path: str, results_filter: ObjectType | None) -> builtins.list[str]:
        """What is in a shared group, or which there are."""
        return super().list(config_path, results_filter) if _is_shared(config_path) else []


class SharedGroups(SearchPathPlugin):
    """Searches ``conf/`` after the program's own folder; ``hydra.searchpath`` stays the user's."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add ``conf/`` behind the folder of the primary configuration."""
        from ackd.config.location import config_dir
        from ackd.config.programs import PROGRAMS

        folders = {program.config_dir for program in PROGRAMS if program.folder}
        places = [Path(item.path.removeprefix("file://")) for item in search_path.get_path()]
        if any(place in folders for place in places):
            search_path.append("ackd", f"{SCHEME}://{config_dir()}")


def _is_shared(config_path: str) -> bool:
    from ackd.config.groups import SHARED  # late: Hydra imports all plugins in every program

    return not config_path or config_path.partition("/")[0] in SHARED
