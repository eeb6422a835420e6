"""What the options of paired tiles accept on the command line, and how they refuse the rest."""

from __future__ import annotations

from typing import Any

import pytest

from ackd.config.programs import SEGMENT
from ackd.data.tiles import PairsOptions
from ackd.errors import ConfigError
from ackd.segment import check
from tests.config.composing import compose_config

PAIRS = ("data=pairs", "data.optical=o", "data.sar=s", "data.masks=m")


def checked(*words: str) -> Any:
    return check(compose_config(*words, program=SEGMENT)).data


def test_classes_bands_and_values_come_through() -> None:
    data = checked(
        *PAIRS,
        "data.classes={other:rest,forest:[311,312],water:-5}",
        "data.ignore=-1",
        "data.sar_bands=[VV,VH]",
        "data.sar_names='*_S1'",
        "data.sar_nodata=-9999",
        "data.sar_unit=linear",
    )
    assert isinstance(data, PairsOptions)
    assert data.classes == {"other": "rest", "forest": [311, 312], "water": -5}
    assert (data.ignore, data.sar_bands, data.sar_names) == (-1, ("VV", "VH"), "*_S1")
    assert (data.sar_nodata, data.sar_unit) == (-9999, "linear")


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("data.classes={a:0,b:x}", "data.classes.b=x is not a value of masks; expected a whole"),
        ("data.classes={a:0}", "data.classes names 1 classes; expected at least 2"),
        ("data.sar_names=sar", "data.sar_names=sar does not say where the tile's name is"),
        ("data.sar_unit=dB", "Did you mean data.sar_unit=db?"),
        ("data.split=places", "Did you mean data.split=place?"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(word: str, text: str) -> None:
    with pytest.raises(ConfigError) as error:
        checked(*PAIRS, word)
    assert text in str(error.value)
    assert "data={" not in str(error.value)


def test_another_land_cover_needs_codes() -> None:
    data = checked("data=bigearthnet_forest", "data.cover=vineyard", "data.codes=[221]")
    assert data.cover_codes == (221,)
    assert checked("data=bigearthnet_forest", "data.cover=water").cover_codes[0] == 511
    with pytest.raises(ConfigError, match=r"^There is no land cover 'vineyard'"):
        checked("data=bigearthnet_forest", "data.cover=vineyard")
