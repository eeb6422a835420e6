"""``python -m tests.stages.two_ranks OPTIONS``: ackd.train, with a look at what each rank does.

Writes what every batch held to ``$ACKD_TEST_OUT/rank0.pt`` and ``rank1.pt``. Rank 1 is made to come
to first pairs of its own, and with ``ACKD_TEST_ODD`` to options of its own.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ackd.modules import DistillModule
from ackd.stages import pairing
from ackd.stages.context import SceneContext
from ackd.train import cli

RANK = int(os.environ.get("LOCAL_RANK", "0"))
seen: list[dict[str, Any]] = []

step, pair, introduce = (
    DistillModule.training_step, pairing.make_pairing, SceneContext.introduce
)  # fmt: skip


def watched(self: DistillModule, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
    data = self.trainer.datamodule  # type: ignore[attr-defined]
    seen.append(
        {"epoch": self.current_epoch, "version": data.version, "pairs": data.pairs.clone(),
         "rgb": batch["rgb_index"], "ms": batch["ms_index"]}
    )  # fmt: skip
    torch.save(seen, Path(os.environ["ACKD_TEST_OUT"]) / f"rank{RANK}.pt")
    return step(self, batch, batch_idx)


def first_look(context: SceneContext) -> None:
    """What comes first in a run; the ranks know of each other by then."""
    together = str(torch.distributed.is_initialized())
    (Path(os.environ["ACKD_TEST_OUT"]) / f"together{RANK}").write_text(together)
    introduce(context)


def odd_pairs(*args: Any) -> Any:
    found = pair(*args)
    return replace(found, pairs=found.pairs.flip(0)) if RANK else found


if __name__ == "__main__":
    DistillModule.training_step = watched  # type: ignore[method-assign]
    SceneContext.introduce = first_look  # type: ignore[method-assign]
    pairing.make_pairing = odd_pairs  # type: ignore[assignment]
    if RANK and "ACKD_TEST_ODD" in os.environ:
        sys.argv.append(os.environ["ACKD_TEST_ODD"])
    cli()
