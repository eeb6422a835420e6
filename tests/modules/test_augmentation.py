"""Which side of a batch is flipped and turned."""

from __future__ import annotations

import pytest
import torch

from ackd.data.pairs import Request
from ackd.modules import UnpairedDataModule
from tests.stages.toy import benchmark


@pytest.mark.parametrize("partners", [False, True])
def test_partners_are_turned_only_if_asked_for(partners: bool) -> None:
    scenes = benchmark()
    served = UnpairedDataModule(scenes, "rgb", 8, augment=True, augment_partners=partners)
    rows = served.rows(0, "rgb")[:8]
    raw = served.scenes[Request(ms=served.rows(0, "ms")[:8], rgb=rows)]
    torch.manual_seed(0)
    plain, turned = served.prepare(raw), served.prepare(raw, augment=True)
    assert not torch.equal(plain["rgb"], turned["rgb"])
    assert torch.equal(plain["ms"], turned["ms"]) is not partners
