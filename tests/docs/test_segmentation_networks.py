"""What docs/segmentation.md says of networks is so."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from ackd.segmentation import NETWORKS, build_network
from tests.docs.commands import ROOT, modules

DOC = ROOT / "docs" / "segmentation.md"
TEXT = DOC.read_text(encoding="utf-8")
SHOWN = [
    code
    for code in re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    if "from ackd.segmentation import" in code and not re.match(r"# \w+\.py\n", code)
]


@pytest.mark.parametrize("code", SHOWN, ids=range(len(SHOWN)))
def test_the_examples_run(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in modules(DOC).items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    names: dict[str, Any] = {}
    exec(code, names)
    assert "network" in names or "student" in names


def test_the_table_of_networks() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|", TEXT, re.MULTILINE)
    assert [name for name, *_ in rows] == list(NETWORKS)
    for name, layers, parameters, sides in rows[:-1]:
        network = build_network(name, bands=4)
        assert layers.split() == list(network.layers)
        assert parameters == f"{sum(p.numel() for p in network.parameters()):,}"
        assert int(sides) == network.stride
