"""Splits of tiles: by place, by blocks, as a file says, or random; and what they leak."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.options import HowToSplit
from ackd.data.splits.places import UNUSED, Bounds, ground_seen, split_by_place
from ackd.errors import ConfigError, DataError, counted, did_you_mean, nearest_path, unknown

__all__ = ["TILE_SPLITS", "HowToSplit", "TileSplit", "check_tile_split", "split_tiles"]

#: ``place``: parts that share no ground; ``blocks``: runs of neighbouring ids; ``file``: as a file
#: says; ``random``: any tile anywhere.
TILE_SPLITS: Final[tuple[HowToSplit, ...]] = get_args(HowToSplit)

_PARTS: Final = {
    "train": TRAIN, "training": TRAIN, "val": VAL, "valid": VAL, "validation": VAL, "test": TEST,
    "unused": UNUSED,
}  # fmt: skip
_NAMES: Final = {TRAIN: "training", VAL: "validation", TEST: "test"}
#: So many runs of ids are dealt to the parts; each is long enough to keep neighbours together.
_RUNS: Final = 20


@dataclass(frozen=True, eq=False)
class TileSplit:
    """Which tile is for what.

    Attributes:
        how: How it was made.
        split: (N,) int8 of ``TRAIN``, ``VAL``, ``TEST``, and
            :data:`~ackd.data.splits.places.UNUSED` for tiles that would show ground of another
            part.
        seen: The share of the ground of test tiles that training tiles show, 0 to 1; None where it
            is not known because the places are not known, or there are no test tiles.
    """

    how: HowToSplit
    split: NDArray[np.int8]
    seen: float | None

    def count(self, part: int) -> int:
        """How many tiles are for a part."""
        return int((self.split == part).sum())

    @property
    def notes(self) -> dict[str, Any]:
        """What results say of the split, fit for JSON."""
        return {
            "how": self.how,
            "train": self.count(TRAIN),
            "val": self.count(VAL),
            "test": self.count(TEST),
            "unused": self.count(UNUSED),
            "test_ground_seen_in_training": self.seen,
        }

    @property
    def sentence(self) -> str:
        """What a log says of the split."""
        parts = " / ".join(f"{self.count(part):,}" for part in _NAMES)
        unused = self.count(UNUSED)
        left_out = (
            f"; {counted(unused, 'tile')} left out for showing ground of another part"
            if unused and self.how == "place"
            else f"; {counted(unused, 'tile')} left out"
            if unused
            else ""
        )
        if self.seen is not None:
            leak = f"{100 * self.seen:.1f} % of the test ground is seen in training"
        elif not self.count(TEST):
            leak = "there are no test tiles"
        else:
            leak = "how much of the test ground is seen in training is not known without places"
        return (
            f"tiles split by {self.how}: {parts} for {', '.join(_NAMES.values())}{left_out}; {leak}"
        )


def split_tiles(
    ids: NDArray[np.str_],
    bounds: Bounds | None = None,
    *,
    how: HowToSplit | None = None,
    val: float = 0.1,
    test: float = 0.15,
    seed: int = 0,
    file: Path | None = None,
) -> TileSplit:
    """Split tiles; the order in which they come does not matter.

    Args:
        ids: (N,) str, unique.
        bounds: (N, 4) left, bottom, right and top of each tile; None where places are not known.
        how: One of :data:`TILE_SPLITS`; None for ``place`` where places are known, else
            ``blocks``.
        val: For validation: a share of all tiles below 1, or a number of tiles as an int.
        test: For test, likewise.
        seed: Of ``blocks`` and ``random``.
        file: Of ``file``: lines with an id and train, val, test or unused, separated by a comma or
            space.

    Raises:
        ConfigError: An option is out of range, or needs what there is not.
        DataError: There are too few tiles, or the file and the tiles do not fit each other.
    """
    if how is None:
        how = "blocks" if bounds is None else "place"
    check_tile_split(how, val, test, seed, file)
    if how == "place":
        if bounds is None:
            raise ConfigError(
                "data.split=place needs the places of the tiles, and these have none. Give GeoTIFF "
                "files, or an index.csv beside the images with the columns left, bottom, right, "
                "top and crs (and tile, its name, for own pairs), or choose data.split=blocks."
            )
        split = split_by_place(bounds, *(_share(value, len(ids)) for value in (val, test)))
    elif how == "file":
        assert file is not None  # checked
        split = _listed(ids, file)
    else:
        # sorted, so that a folder that is listed in another order is split alike
        order = np.array(sorted(range(len(ids)), key=lambda row: _natural(str(ids[row]))))
        deal = _blocks if how == "blocks" else _random
        split = np.empty(len(ids), dtype=np.int8)
        split[order] = deal(len(ids), val, test, seed)
    _check_parts(split, how, val, test)
    in_test = split == TEST
    seen = None
    if bounds is not None and in_test.any():
        seen = ground_seen(bounds[in_test], bounds[split == TRAIN])
    return TileSplit(how, split, seen)


def check_tile_split(
    how: str | None, val: float, test: float, seed: int, file: Path | None = None
) -> None:
    """Raise ConfigError if an option of the split of tiles is unknown or out of range."""
    if how is not None and how not in TILE_SPLITS:
        raise unknown("split of tiles", how, TILE_SPLITS, "data.split")
    for name, value in (("val", val), ("test", test)):
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not (value >= 0 if whole else isinstance(value, float) and 0 <= value < 1):
            raise ConfigError(
                f"data.{name}={value} is neither a share of the tiles nor a number of tiles; "
                "expected a share from 0 to below 1, e.g. 0.1, or a whole number, e.g. 200."
            )
    if isinstance(val, float) and isinstance(test, float) and val + test >= 1:
        raise ConfigError(
            f"data.val={val:g} and data.test={test:g} leave nothing to train on; expected shares "
            "whose sum is below 1."
        )
    if seed < 0:
        raise ConfigError(f"data.split_seed={seed} is negative; expected 0 or more.")
    if (how == "file") != (file is not None):
        raise ConfigError(
            "data.split=file needs data.split_file=FILE, a csv or txt file with an id and train, "
            "val or test a line."
            if file is None
            else f"data.split_file={file} is not read under data.split={how or 'null'}; set "
            "data.split=file, or leave the file out."
        )


def _check_parts(split: NDArray[np.int8], how: str, val: float, test: float) -> None:
    wanted = {TRAIN: 1.0, VAL: val, TEST: test}
    for part, name in _NAMES.items():
        if how == "file" and part != TRAIN:
            continue
        if wanted[part] and not (split == part).any():
            way_out = {
                "place": "Choose data.split=blocks, or other shares by data.val and data.test.",
                "file": "Name some in data.split_file.",
            }.get(how, "Add tiles, or choose other shares by data.val and data.test.")
            raise DataError(
                f"data.split={how} leaves no tile for {name}, of {counted(len(split), 'tile')} in "
                f"all. {way_out}"
            )


def _share(value: float, count: int) -> float:
    return min(value / max(count, 1), 1.0) if isinstance(value, int) else value


def _number(value: float, count: int) -> int:
    return value if isinstance(value, int) else round(value * count)


def _random(count: int, val: float, test: float, seed: int) -> NDArray[np.int8]:
    shuffled = np.random.default_rng(seed).permutation(count)
    in_test = _number(test, count)
    split = np.full(count, TRAIN, dtype=np.int8)
    split[shuffled[:in_test]] = TEST
    split[shuffled[in_test : in_test + _number(val, count)]] = VAL
    return split


def _blocks(count: int, val: float, test: float, seed: int) -> NDArray[np.int8]:
    """Deal runs of neighbours; a part that is wanted gets one run at least."""
    runs = min(_RUNS, count)
    shuffled = np.random.default_rng(seed).permutation(runs)
    part_of = np.full(runs, TRAIN, dtype=np.int8)
    taken = 0
    for part, value in ((TEST, test), (VAL, val)):
        mine = max(round(_share(value, count) * runs), 1) if value else 0
        part_of[shuffled[taken : taken + mine]] = part
        taken += mine
    return np.asarray(part_of[np.arange(count) * runs // max(count, 1)])


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts tile_9 before tile_10."""
    pieces = re.split(r"(\d+)", name)
    return [(1, int(piece), "") if piece.isdigit() else (0, 0, piece) for piece in pieces]


def _listed(ids: NDArray[np.str_], file: Path) -> NDArray[np.int8]:
    """Read which tile is for what from a file."""
    rows = _lines(file)
    place = {str(name): row for row, name in enumerate(ids.tolist())}
    split = np.full(len(ids), UNUSED - 1, dtype=np.int8)
    strangers: list[str] = []
    for number, name, part in rows:
        if part.lower() not in _PARTS:
            raise DataError(
                f"{file}, line {number}: '{part}' is no part of a split. Expected train, val, test "
                f"or unused.{did_you_mean(part, _PARTS)}"
            )
        if name not in place:
            strangers.append(name)
        elif split[place[name]] != UNUSED - 1:
            raise DataError(f"{file}, line {number}: the tile '{name}' is listed twice.")
        else:
            split[place[name]] = _PARTS[part.lower()]
    if strangers:
        raise DataError(
            f"{file} lists {counted(len(strangers), 'tile')} that do not exist: "
            f"{_some(strangers)}.{did_you_mean(strangers[0], place)} Take them out, or add the "
            "tiles."
        )
    missing = [str(ids[row]) for row in np.flatnonzero(split == UNUSED - 1)]
    if missing:
        raise DataError(
            f"{file} says nothing of {counted(len(missing), 'tile')}: {_some(missing)}. Add a line "
            "for each, with 'unused' for those that no part should have."
        )
    return split


def _lines(file: Path) -> list[tuple[int, str, str]]:
    """The number, the id and the part of each line; a heading and empty lines are passed over."""
    try:
        text = file.expanduser().read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(
            f"There is no file {file} (data.split_file).{nearest_path(file)}"
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{file} (data.split_file) cannot be read as text: {error}.") from error
    found: list[tuple[int, str, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = next(csv.reader([line])) if "," in line else line.split()
        fields = [field.strip() for field in fields]
        if not any(fields) or (
            not found and [field.lower() for field in fields] == ["id", "split"]
        ):
            continue
        if len(fields) != 2:
            raise DataError(
                f"{file}, line {number} has {counted(len(fields), 'field')}: '{line.strip()}'; "
                "expected an id and train, val or test, separated by a comma or space."
            )
        found.append((number, fields[0], fields[1]))
    return found


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5:,} more"
