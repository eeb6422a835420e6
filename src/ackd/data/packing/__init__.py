"""Packed benchmarks: decoded once, then read as memory-mapped arrays."""

from ackd.data.packing.images import PackedImages
from ackd.data.packing.pack import pack, pack_among, source_stamp
from ackd.data.packing.store import Pack, check_options, is_pack, open_pack

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
