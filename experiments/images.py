"""Tell a copy of the archives from the one that the experiments are made with.

Usage: python experiments/images.py compare ROOT     # ROOT as in ACKD_DATA=ROOT
       python experiments/images.py make ROOT        # write images.txt from ROOT

images.txt has a line for each folder, and below it one for each of its images: the first 8
hexadecimal digits of its SHA-256 and its file name. Only the classes that S2S-EU or M2S-GL (v2) use
are in it. An image is found by source, class and name, however the archives' folders are called.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ackd.data.datasets.class_map import load_class_map
from ackd.data.sources import Source
from ackd.data.sources.bigearthnet_v2 import BIGEARTHNET_V2
from ackd.data.sources.eurosat import EUROSAT_MS, EUROSAT_RGB
from ackd.data.sources.nwpu_resisc45 import NWPU_RESISC45
from ackd.data.splits.manifest import checksum
from ackd.errors import AckdError, DataError
from ackd.utils.io import write_text
from ackd.utils.progress import tracked

LISTED = Path(__file__).with_name("images.txt")
SOURCES = (EUROSAT_MS, EUROSAT_RGB, NWPU_RESISC45, BIGEARTHNET_V2)
DIGITS = 8
SHOWN = 5


def classes_of(source: Source) -> set[str]:
    """The classes of a source that a benchmark of the experiments maps to one of its own."""
    maps = [load_class_map(name).side(source.modality) for name in ("s2s_eu", "m2s_gl_v2")]
    return {theirs for one in maps for theirs in one.get(source.name, {})}


def images_under(root: Path) -> Iterator[tuple[str, str, str]]:
    """Go through folder, file name and short hash of each image of the sources that are there."""
    for source in SOURCES:
        try:
            records = source.scan(root, classes_of(source))
        except DataError as error:
            print(f"without {source.name}: {error}", file=sys.stderr)
            continue
        for record in tracked(records, source.name, len(records)):
            path = PurePosixPath(record.file)
            single = len(record.labels) == 1 and path.parent.name == record.labels[0]
            folder = f"{source.name}/{path.parent.name}" if single else source.name
            yield folder, path.name, checksum(source, root / record.file)[:DIGITS]


def read_list(path: Path) -> dict[str, str]:
    """Read images.txt: ``folder/name`` -> short hash."""
    found, folder = {}, ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        digits, _, name = line.partition(" ")
        if name:
            found[f"{folder}/{name}"] = digits
        else:
            folder = digits
    return found


def make(root: Path, path: Path = LISTED) -> None:
    """Write the list of the images under ``root``."""
    folders: dict[str, list[str]] = defaultdict(list)
    for folder, name, digits in images_under(root):
        folders[folder].append(f"{digits} {name}")
    lines = [
        f"# {sum(map(len, folders.values()))} images: the first {DIGITS} digits of SHA-256 and the "
        "file name, below their source and class"
    ]
    for folder in sorted(folders):
        lines += [folder, *sorted(folders[folder], key=lambda line: line[DIGITS:])]
    write_text(path, "\n".join(lines) + "\n")
    print(f"{path}: {sum(map(len, folders.values())):,} images in {len(folders)} folders")


def compare(root: Path, path: Path = LISTED) -> bool:
    """Print how the images under ``root`` differ from the list; whether all of it is there."""
    wanted = read_list(path)
    there = {f"{folder}/{name}": digits for folder, name, digits in images_under(root)}
    same = [name for name, digits in wanted.items() if there.get(name) == digits]
    print(f"{len(same):,} of {len(wanted):,} images are the same")
    for title, names in (
        ("missing", sorted(wanted.keys() - there.keys())),
        ("other content", sorted(n for n in wanted.keys() & there if wanted[n] != there[n])),
        ("only here", sorted(there.keys() - wanted.keys())),
    ):
        if names:
            more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
            print(f"{title}: {len(names):,} ({', '.join(names[:SHOWN])}{more})")
    return len(same) == len(wanted)


def main(words: list[str]) -> int:
    if len(words) != 2 or words[0] not in ("make", "compare") or not Path(words[1]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    root = Path(words[1])
    try:
        if words[0] == "make":
            make(root)
            return 0
        return 0 if compare(root) else 1
    except AckdError as error:
        print(f"images.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
