"""The class maps: every name in them exists, and a wrong one is told."""

from __future__ import annotations

import pytest

from ackd.data.datasets.class_map import ClassMap, load_class_map, parse_class_map
from ackd.data.options import BENCHMARKS
from ackd.data.sources import SOURCES
from ackd.errors import ConfigError

GOOD = """
name: tiny
classes: [Forest, River]
ms: {eurosat_ms: {Forest: Forest, River: River}}
rgb: {patternnet: {forest: Forest, river: River}}
paper_counts: {Forest: [3, 4]}
"""


def test_s2s_eu_has_every_class_on_both_sides() -> None:
    class_map = load_class_map("s2s_eu")
    assert len(class_map.classes) == 10
    for modality in ("ms", "rgb"):
        targets = {
            ours for mapping in class_map.side(modality).values() for ours in mapping.values()
        }
        assert targets == set(class_map.classes)
    assert list(class_map.rgb) == ["eurosat", "nwpu_resisc45", "patternnet"]


def test_s2s_eu_has_the_counts_of_the_papers_table_10() -> None:
    counts = load_class_map("s2s_eu").paper_counts
    assert list(counts) == list(load_class_map("s2s_eu").classes)
    assert sum(ms for ms, _ in counts.values()) == 27_000
    assert sum(rgb for _, rgb in counts.values()) == 26_797
    assert counts["Residential"] == (3000, 2800)


def test_eurosats_own_classes_map_to_themselves() -> None:
    class_map = load_class_map("s2s_eu")
    for mapping in (class_map.ms["eurosat_ms"], class_map.rgb["eurosat"]):
        assert mapping == {label: label for label in class_map.classes}


def test_what_is_left_out_is_a_class_of_its_source() -> None:
    class_map = load_class_map("s2s_eu")
    for name, mapping in class_map.rgb.items():
        assert set(mapping) <= set(SOURCES[name].classes)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_class_of_every_map_has_a_giver_on_both_sides(name: str) -> None:
    class_map = load_class_map(name)
    assert class_map.name == name
    for modality in ("ms", "rgb"):
        side = class_map.side(modality)
        assert {ours for mapping in side.values() for ours in mapping.values()} == set(
            class_map.classes
        )


def test_the_table_sums_to_what_the_papers_text_does_not_say() -> None:
    names = ("m2s_gl", "s2s_cn", "s2s_eu")
    counts = [load_class_map(name).paper_counts.values() for name in names]
    sums = [tuple(sum(pair[side] for pair in pairs) for side in (0, 1)) for pairs in counts]
    assert sums == [(24_904, 26_293), (20_000, 15_459), (27_000, 26_797)]
    assert tuple(map(sum, zip(*sums, strict=True))) == (71_904, 68_549)


def test_the_sources_of_the_subsets_are_the_papers() -> None:
    maps = {name: load_class_map(name) for name in BENCHMARKS}
    sources = {name: [sorted(one.ms), sorted(one.rgb)] for name, one in maps.items()}
    three = ["nwpu_resisc45", "patternnet", "rsi_cb128"]
    assert sources["s2s_cn"] == [["nasc_tg2_ms"], three]
    assert sources["m2s_gl"] == [["bigearthnet_v1"], ["eurosat", *three]]
    assert sources["m2s_gl_v2"] == [["bigearthnet_v2"], ["eurosat", *three]]


def test_nineteen_classes_reach_a_part_of_m2s_gl_and_say_which() -> None:
    whole, part = (set(load_class_map(name).classes) for name in ("m2s_gl", "m2s_gl_v2"))
    assert len(whole) == 15
    assert whole - part == {
        *("airport", "port", "sport", "transport"),
        *("water_body", "water_course"),
    }
    assert part - whole == {"inland_water"}
    assert load_class_map("m2s_gl_v2").paper_counts == {}  # the paper did not run it


def test_the_two_maps_of_m2s_gl_agree_where_the_nomenclatures_do() -> None:
    v1, v2 = (load_class_map(name) for name in ("m2s_gl", "m2s_gl_v2"))
    for source in v1.rgb:
        for theirs, ours in v2.rgb[source].items():
            wanted = {"water_body": "inland_water", "water_course": "inland_water"}
            assert wanted.get(v1.rgb[source][theirs], v1.rgb[source][theirs]) == ours
    fine, coarse = v1.ms["bigearthnet_v1"], v2.ms["bigearthnet_v2"]
    same = set(fine) & set(coarse)
    assert len(same) >= 8
    assert all(fine[label] == coarse[label] for label in same)


def test_parsing() -> None:
    assert parse_class_map(GOOD, "here") == ClassMap(
        name="tiny",
        classes=("Forest", "River"),
        ms={"eurosat_ms": {"Forest": "Forest", "River": "River"}},
        rgb={"patternnet": {"forest": "Forest", "river": "River"}},
        paper_counts={"Forest": (3, 4)},
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("river: River", "river: Rivr", r"here: 'Rivr' is no class .*'river'.*mean 'River'"),
        ("river: River", "rivers: River", r"'rivers' is no class of PatternNet.*mean 'river'"),
        ("patternnet:", "paternnet:", r"here: There is no data source 'paternnet'.*'patternnet'"),
        ("patternnet:", "eurosat_ms:", "stands under 'rgb', but its images are ms"),
        ("rgb:", "rbg:", r"'rbg' is no key\. Did you mean 'rgb'"),
        ("name: tiny", "", "here has no 'name'"),
        ("[Forest, River]", "Forest", "'classes' is 'Forest'; expected a list of distinct names"),
        ("[Forest, River]", "[Forest, Forest]", "expected a list of distinct names"),
        ("{forest: Forest, river: River}", "forest", r"'rgb\.patternnet' is 'forest'; expected a"),
        ("[3, 4]", "[3]", r"paper_counts.Forest is \[3\]; expected two whole numbers"),
        ("Forest: [3, 4]", "Forst: [3, 4]", r"in paper_counts\. Did you mean 'Forest'"),
        ("name: tiny", "name: [", "here is no valid YAML"),
    ],
)
def test_a_wrong_map_is_told(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=message):
        parse_class_map(GOOD.replace(old, new, 1), "here")


def test_an_unknown_map() -> None:
    with pytest.raises(ConfigError, match=r"no class map 's2s_ue'.* Did you mean 's2s_eu'"):
        load_class_map("s2s_ue")
