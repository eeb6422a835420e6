"""Values of masks become classes, or are refused; nothing is guessed."""

from __future__ import annotations

import numpy as np
import pytest

from ackd.data.tiles.mask_classes import MaskCode, code_of_values
from ackd.data.tiles.tile_set import IGNORED
from ackd.errors import DataError


def test_values_become_positions_in_the_list_of_classes() -> None:
    code = MaskCode.of({"other": "rest", "forest": [311, 312], "water": 511}, ignore=-1)
    mask = np.array([[311, 312, 511], [7, -1, 0]])
    found, strangers = code.encode(mask)
    assert found.tolist() == [[1, 1, 2], [0, IGNORED, 0]]
    assert found.dtype == np.uint8
    assert not strangers


def test_without_a_rest_other_values_are_strangers() -> None:
    code = MaskCode.of({"land": 0, "water": 1}, ignore=None)
    assert code.encode(np.array([[0, 1, 2, -1]], np.int16))[1] == [-1, 2]
    found, strangers = code.encode(np.array([[0.0, 1.0, np.nan, 0.5]]))
    assert found.tolist() == [[0, 1, IGNORED, IGNORED]]
    assert strangers == [0.5]
    assert MaskCode.of({"a": "rest", "b": 1}, None).encode(np.array([[0.5]]))[1] == [0.5]


def test_a_nodata_value_is_ignored_unless_a_class_has_it() -> None:
    code = MaskCode.of({"land": 0, "water": 1}, ignore=None)
    found, strangers = code.encode(np.array([[0, 1, 9]]), nodata=9)
    assert found.tolist() == [[0, 1, IGNORED]]
    assert not strangers
    # many masks call their background nodata
    assert code.encode(np.array([[0, 1]]), nodata=0)[0].tolist() == [[0, 1]]


@pytest.mark.parametrize("values", [{0, 1}, {0}, {1}, {0, 255}, {255}, set()])
def test_masks_of_0_and_1_or_255_need_no_word(values: set[int]) -> None:
    code = code_of_values(dict.fromkeys(values, "a"), None)
    assert code.classes == ("background", "foreground")
    for value in values:
        assert code.encode(np.array([[value]]))[0] == (1 if value else 0)


def test_an_ignored_value_is_none_of_them() -> None:
    code = code_of_values({0: "a", 1: "a", 255: "b"}, 255)
    assert code.encode(np.array([[0, 1, 255]]))[0].tolist() == [[0, 1, IGNORED]]


@pytest.mark.parametrize(
    ("values", "shown"),
    [({0, 1, 255}, "0, 1, 255"), ({-1, 0, 1}, "-1, 0, 1"), ({1, 2}, "1, 2"), ({0.5}, "0.5")],
)
def test_other_values_are_shown_and_the_options_named(values: set[float], shown: str) -> None:
    with pytest.raises(DataError) as error:
        code_of_values({value: f"tile_{value}" for value in values}, None)
    text = str(error.value)
    assert f"The masks hold the values {shown}," in text
    assert "data.classes={background:0,building:1}" in text
    assert "data.ignore=" in text
