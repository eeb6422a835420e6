"""Packed benchmarks: decoded once, then read as memory-mapped arrays."""

from ackd.data.cache.images import PackedImages
from ackd.data.cache.pack import pack, pack_among, source_stamp
from ackd.data.cache.store import Pack, check_options, is_pack, open_pack

__all__ = [
    "Pack",
    "PackedImages",
    "check_options",
    "is_pack",
    "open_pack",
    "pack",
    "pack_among",
    "source_stamp",
]
