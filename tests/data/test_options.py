"""The options of a data set: one object, and every one that shapes pixels is in the packs' key."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from ackd.config.location import config_dir
from ackd.config.schema.data import ArchivesConfig, FoldersConfig
from ackd.data.cache.pack import _key
from ackd.data.options import (
    _IMAGES,
    BENCHMARKS,
    ArchiveOptions,
    FileOptions,
    FolderOptions,
    from_plain,
    image_options,
    pixel_options,
    recorded,
)
from ackd.prepare.build import Request
from ackd.stages.benchmark import build_benchmark
from tests.data.layouts import write_jpg, write_tif
from tests.data.small_archives import asked, selected, write_archives
from tests.stages.toy import config

#: What neither chooses images nor shapes pixels: a pack serves whatever the value is. A new option
#: is not in here, so a pack is made again for it unless somebody decides otherwise.
NOT_IN_THE_KEY = {
    *(
        "name",
        "protocol",
        "fold",
        "normalise",
        "augment",
        "augmentation",
        "packed",
        "packs",
        "root",
        "ms",
        "rgb",
    ),
    *("pseudo_rgb", "pseudo_rgb_bands", "pseudo_rgb_reflectance", "layout"),
    *("scale", "offset"),  # what the stored numbers mean
    *("class_map", "classes"),  # the class list and the labels are in it
    "bands",  # compared on its own: a pack of more bands serves
}


def another(kind: Any, value: Any) -> Any:
    """A value of a field's type other than the one it has."""
    parts = [part for part in get_args(kind) if part is not type(None)] or [kind]
    if get_origin(kind) is Literal:
        return next(one for one in get_args(kind) if one != value)
    literal = next((part for part in parts if get_origin(part) is Literal), None)
    if literal is not None:
        return next(one for one in get_args(literal) if one != value)
    if get_origin(parts[0]) is tuple:
        return ("eurosat",) if value is None else None
    return {int: 7, float: 0.5, str: "other", bool: value is False}[parts[0]]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archives(tmp_path_factory.mktemp("archives"))


@pytest.mark.parametrize(
    ("options", "narrowed"),
    [(ArchiveOptions(name="two", root=""), ArchivesConfig),
     (FolderOptions(name="folders", ms="", rgb=""), FoldersConfig)],
)  # fmt: skip
def test_every_option_that_shapes_pixels_is_in_the_key(
    archives: Path, options: FileOptions, narrowed: type[FileOptions]
) -> None:
    types = get_type_hints(type(options))
    for item in fields(options):
        if not item.init:
            continue
        changed = replace(options, **{item.name: another(types[item.name], item.default)})
        assert changed != options, item.name
        if item.name in image_options(ArchiveOptions):
            if item.name != "sources":  # named or not, they are the same images
                one, other = (selected(archives, **chosen(of)) for of in (options, changed))
                assert _key(one, options) != _key(other, changed), item.name
            continue
        selection = selected(archives)
        same = _key(selection, options) == _key(selection, changed)
        assert same == (item.name in NOT_IN_THE_KEY), item.name
    # the schema narrows some types, and must not thereby change what shapes pixels
    given = (
        {"name": "s2s_eu", "root": ""} if narrowed is ArchivesConfig else {"ms": "a", "rgb": "b"}
    )
    checked = narrowed(**{"name": "folders", "size": 64, **given})
    assert pixel_options(checked).keys() == pixel_options(options).keys()


def chosen(options: FileOptions) -> dict[str, Any]:
    names = set(image_options(ArchiveOptions)) - {"sources"}
    return {name: getattr(options, name) for name in names}


def test_packs_and_manifests_keep_the_names_of_the_first_version() -> None:
    found = recorded(ArchiveOptions(name="two", root=""), ["eurosat"])
    assert found.items() >= {
        "sources": ["eurosat"], "twins": "split", "draw": "paper", "missing": "error", "seed": 0,
    }.items()  # fmt: skip


def test_a_new_option_that_chooses_images_is_recorded_unasked() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Newer(ArchiveOptions):
        cloud: float = field(default=0.1, metadata=_IMAGES)

    options = Newer(name="two", root="")
    assert recorded(options, None)["cloud"] == 0.1
    assert "cloud" not in pixel_options(options)


def test_a_new_option_is_in_the_key_unasked() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Newer(ArchiveOptions):
        cloud: float = 0.1

    assert pixel_options(Newer(name="two", root=""))["cloud"] == 0.1


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_defaults_are_those_of_the_yaml(name: str) -> None:
    found = Request(name, Path("raw"), Path("out")).options
    own = {"name", "root", "packs", "size", "bands"}
    bare = ArchiveOptions(name=name, root="raw")
    differing = [
        item.name
        for item in fields(bare)
        if item.name not in own and getattr(bare, item.name) != getattr(found, item.name)
    ]
    assert not differing
    assert found.size in {64, 120, 128}
    inherited = (config_dir() / "data" / f"{name}.yaml").read_text(encoding="utf-8")
    assert "base/archives@_here_" in inherited


def test_lists_of_a_file_become_tuples() -> None:
    options = from_plain({"name": "two", "root": "", "bands": ["B02"], "sources": None})
    assert options.bands == ("B02",)
    assert hash(options)


def test_a_changed_sensor_is_packed_again(tmp_path: Path) -> None:
    """As the message about unknown digital numbers advises; the cache gave the old sensor."""
    rng = np.random.default_rng(0)
    for label in ("bog", "heath"):
        for number in range(5):
            pixels = rng.integers(200, 4000, (3, 8, 8)).astype(np.uint16)
            write_tif(tmp_path / "ms" / label / f"{number}.tif", pixels)
            write_jpg(tmp_path / "rgb" / label / f"{number}.jpg", number, size=8)
    options = [
        "data=folders", f"data.ms={tmp_path / 'ms'}", f"data.rgb={tmp_path / 'rgb'}",
        "data.file_bands=[B02,B03,B04]", f"data.packs={tmp_path / 'packs'}",
    ]  # fmt: skip
    for sensor in ("sentinel2", "sentinel2_unscaled", "sentinel2"):
        benchmark = build_benchmark(config(tmp_path, *options, f"data.sensor={sensor}").data)
        assert benchmark.ms.sensor == sensor
    assert len(list((tmp_path / "packs").glob("*/pack.json"))) == 2


def test_the_options_asked_for_in_tests_are_read_into_memory() -> None:
    assert asked().pack_folder is None
    assert replace(asked(), packed=True, packs="x").pack_folder == Path("x")


def test_the_package_gives_its_names_when_they_are_asked_for() -> None:
    import ackd.data

    assert [name for name in ackd.data.__all__ if getattr(ackd.data, name, None) is None] == []
    with pytest.raises(AttributeError, match="no attribute 'load_benchmrk'"):
        ackd.data.load_benchmrk  # noqa: B018
