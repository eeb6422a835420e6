"""Files of one tile are found by what their names share, and no pair is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd.data.tiles.matching import match, match_masks
from ackd.errors import DataError


def paths(folder: str, *stems: str) -> list[Path]:
    return [Path(folder) / f"{stem}.tif" for stem in stems]


@pytest.mark.parametrize(
    ("optical", "sar", "ids"),
    [
        (["a", "b"], ["a", "b"], ["a", "b"]),
        (["a_optical", "b_optical"], ["a_sar", "b_sar"], ["a", "b"]),
        (["S2-1", "S2-2"], ["S1-1", "S1-2"], ["1", "2"]),
        (["a_S2Hand", "b_S2Hand"], ["a", "b"], ["a", "b"]),
        (["a__images"], ["a__mask"], ["a"]),
        (
            ["SN6_Train_PS-RGB_2019_2020_tile_1", "SN6_Train_PS-RGB_2018_2020_tile_2"],
            ["SN6_Train_SAR-Intensity_2019_2020_tile_1",
             "SN6_Train_SAR-Intensity_2018_2020_tile_2"],
            ["2018_2020_tile_2", "2019_2020_tile_1"],
        ),
        # what both sides share stays in the name
        (["rotterdam_1", "rotterdam_2"], ["rotterdam_1", "rotterdam_2"],
         ["rotterdam_1", "rotterdam_2"]),
    ],
)  # fmt: skip
def test_names_are_alike_without_what_all_begin_or_end_with(
    optical: list[str], sar: list[str], ids: list[str]
) -> None:
    first, second = match(paths("o", *optical), paths("s", *sar))
    assert list(first.files) == list(second.files) == ids
    for name, one, other in zip(ids, first.files.values(), second.files.values(), strict=True):
        assert name in one.stem
        assert name in other.stem
        assert (one.parent.name, other.parent.name) == ("o", "s")


def test_names_that_are_said_win_and_leave_other_files_out() -> None:
    both = paths("all", "1_opt", "1_sar", "2_opt", "2_sar", "readme")
    first, second = match(both, both, "*_opt", "*_sar")
    assert [path.stem for path in first.files.values()] == ["1_opt", "2_opt"]
    assert [path.stem for path in second.files.values()] == ["1_sar", "2_sar"]
    with pytest.raises(DataError, match=r"No file of data\.sar is called '\*_vv'"):
        match(both, both, "*_opt", "*_vv")


def test_a_missing_partner_is_named_on_either_side() -> None:
    stems = [f"t{number}_opt" for number in range(9)]
    sar = paths("s", *(f"t{number}_sar" for number in range(3)))
    with pytest.raises(DataError) as error:
        match(paths("o", *stems), sar)
    assert "6 tiles of 9 with an optical image have no SAR image: t3, t4, t5, t6 and 2 more" in str(
        error.value
    )
    assert "data.sar has no 't3_sar' for o/t3_opt.tif" in str(error.value)
    with pytest.raises(DataError, match="1 tile of 2 with an SAR image has no optical image: b"):
        match(paths("o", "a"), paths("s", "a", "b"))


def test_names_that_share_nothing_are_refused() -> None:
    with pytest.raises(DataError, match=r"No optical and SAR image have the same name.*'\*_sar'"):
        match(paths("o", "p1", "p2"), paths("s", "q1", "q2"))


def test_a_name_twice_is_refused() -> None:
    twice = [Path("o/x/t1.tif"), Path("o/y/t1.tif")]
    with pytest.raises(DataError, match=r"two files for the tile 't1': o/x/t1.tif and o/y/t1.tif"):
        match(twice, paths("s", "t1"))


def test_masks_of_other_tiles_are_left_out_and_missing_ones_told() -> None:
    named, missing = match_masks(["a", "b"], paths("m", "a_mask", "c_mask"))
    assert {name: path.stem for name, path in named.files.items()} == {"a": "a_mask"}
    assert missing == ["b"]
    named, missing = match_masks(["a", "b"], paths("m", "a_S2_mask", "b_S2_mask", "b_S1_mask"))
    assert missing  # two of them could be b's
    named, missing = match_masks(
        ["a", "b"], paths("m", "a_S2_mask", "b_S2_mask", "b_S1_mask"), "*_S2_mask"
    )
    assert list(named.files) == ["a", "b"]
    assert not missing
