"""Sources of images: one publisher per file, all behind `Source`.

A new publisher is a new file beside the others; `SOURCES` finds it.
"""

from ackd.data.sources.base import Record, Source
from ackd.data.sources.class_folders import ClassFolders
from ackd.data.sources.registry import SOURCES, find_source

__all__ = ["SOURCES", "ClassFolders", "Record", "Source", "find_source"]
