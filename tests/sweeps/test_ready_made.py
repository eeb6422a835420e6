"""The sweeps of the paper's tables and figures: each composes, and has the rows it should have."""

from __future__ import annotations

from functools import cache

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from ackd.config.location import config_dir
from ackd.config.schema import Config
from tests.config.composing import checked, compose_config, options_of

# Rows without seeds; all but the training time are repeated over three.
ROWS = {
    "table3": 6 * 2, "table4": 6 * 8, "table5": 6 * 2, "table6": 4, "table7": 5, "table9": 4,
    "figure5_heads": 5, "figure5_lambda1": 4, "figure5_e0": 5, "figure5_delta": 4, "figure5_mu": 4,
}  # fmt: skip
JOBS = {name: 3 * rows for name, rows in ROWS.items()} | {"table8": 2}


def jobs(name: str, *words: str) -> list[list[str]]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        cfg = compose("train", overrides=[f"+sweep={name}"], return_hydra_config=True)
    params = [f"{key}={value}" for key, value in cfg.hydra.sweeper.params.items()]
    parsed = OverridesParser.create().parse_overrides([*params, f"+sweep={name}", *words])
    return BasicSweeper.split_arguments(parsed, None)[0]


@cache
def rows(name: str, *words: str) -> list[Config]:
    """The jobs of the first seed. Nothing is built: one of each table is, in a test of its own."""
    found = jobs(name, "+experiment=s2s_eu_rr", "seed=0", *words)
    trees = [OmegaConf.to_container(compose_config(*job), resolve=True) for job in found]
    return [Config.model_validate(tree) for tree in trees]


def test_there_is_nothing_else() -> None:
    assert set(options_of("sweep")) == set(JOBS)


@pytest.mark.parametrize("name", JOBS)
def test_it_has_its_jobs(name: str) -> None:
    found = jobs(name, "+experiment=s2s_eu_rr")
    assert len(found) == JOBS[name]
    assert len({tuple(job) for job in found}) == JOBS[name]


@pytest.mark.parametrize("name", JOBS)
def test_its_last_job_is_a_configuration(name: str) -> None:
    checked(*jobs(name, "+experiment=s2s_eu_tiny")[-1])


@pytest.mark.parametrize("name", sorted(set(ROWS) - {"table4", "table9"}))
def test_every_row_is_a_run_of_its_own(name: str) -> None:
    found = rows(name)
    assert len(found) == ROWS[name]
    assert len({config.model_dump_json() for config in found}) == ROWS[name]
    assert {config.name for config in found} == {"s2s_eu_rr"}


def test_the_architectures_of_table_3() -> None:
    found = {(c.teacher.backbone.name, c.student.backbone.name) for c in rows("table3")}
    r, m, s = "resnet34", "mobilenetv2", "shufflenetv2_x0_5"
    assert found == {(r, r), (m, m), (s, s), (r, m), (r, s), (m, s)}


def test_the_methods_of_table_4() -> None:
    found = rows("table4", "architecture=ms")
    assert [(c.method, *c.loss.kd) for c in found] == [
        ("kd", "vanilla"), ("kd", "rkd"), ("kd", "dkd"), ("kd", "logits"), ("kd", "ctkd"),
        ("kd", "lskd"), ("kd", "vpr"), ("sembridge", "vanilla"),
    ]  # fmt: skip
    assert {c.student.backbone.name for c in found} == {"shufflenetv2_x0_5"}


def test_the_rows_of_table_7_leave_out_one_part_each() -> None:
    found = [
        (c.matching.initial == "ssm", c.dynm.enabled, c.ska.ot1, c.ska.ot2) for c in rows("table7")
    ]
    full = (True, True, True, True)
    assert found[0] == full
    assert sorted(row.index(False) for row in found[1:]) == [0, 1, 2, 3]
    assert all(sum(row) == 3 for row in found[1:])


def test_an_ablation_wins_over_method_and_recipe() -> None:
    config = checked("method=sembridge", "recipe=official", "ablation=no_dynm")
    assert not config.dynm.enabled
    assert config.ska.coral == "official"
