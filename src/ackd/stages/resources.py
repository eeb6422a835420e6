"""What the machine ran out of, said with the option that needs less of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ackd.config.schema import Config
from ackd.errors import AckdError

__all__ = ["shortages_told"]

# What torch, numpy and the allocators say; matched without regard to case.
MEMORY = re.compile(
    r"out of memory|bad_alloc|not enough memory|can't allocate memory|cannot allocate memory"
    r"|unable to allocate",
    re.IGNORECASE,
)
SHARED = re.compile(
    r"bus error|shared memory|/dev/shm|shm_open|/torch_\d+|insufficient shared", re.IGNORECASE
)
WORKER = re.compile(r"DataLoader worker \(pids?(?:\(s\))? [^)]*\)", re.IGNORECASE)
KILLED = re.compile(r"killed by signal: Killed|exited unexpectedly", re.IGNORECASE)


@contextmanager
def shortages_told(config: Config, stage: str, *, half: str | None = None) -> Iterator[None]:
    """Turn what a lack of memory, of shared memory or of an answer raises inside into a sentence.

    Args:
        config: Of the run.
        stage: What is being done: a stage of training, or another word for the sentence.
        half: An option with a value that needs less memory; that of the stage's batch by default.

    Raises:
        AckdError: In place of what was raised, which is its cause.
    """
    try:
        yield
    except (RuntimeError, MemoryError, OSError) as error:
        told = _told(error, config, stage, half or _half_a_batch(config, stage))
        if told is None:
            raise
        raise AckdError(told) from error


def _told(error: Exception, config: Config, stage: str, half: str) -> str | None:
    text = _text(error)
    workers = config.loader.num_workers
    if workers and "DataLoader timed out" in text:
        return (
            f"The {stage} waited {config.loader.timeout} s for a batch, and no loader worker gave "
            "one. In a container they may lack shared memory (docker run --shm-size=8g ...); "
            "loader.num_workers=0 does without workers. Where a batch may take longer to read, "
            "give loader.timeout=SECONDS."
        )
    if workers and (SHARED.search(text) or (WORKER.search(text) and "Bus" in text)):
        return (
            f"The {workers} loader workers of the {stage} ran out of shared memory (/dev/shm), in "
            "which they hand over batches. Use loader.num_workers=0, or give the container more: "
            "docker run --shm-size=8g ..."
        )
    if workers and WORKER.search(text) and KILLED.search(text):
        return (
            f"A loader worker of the {stage} was ended from outside, as the system does when "
            f"memory runs out. Each of the {workers} workers takes memory of its own: use "
            f"loader.num_workers=0, or {half}; in a container also docker run --shm-size=8g ..."
        )
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or MEMORY.search(text):
        where = "the GPU" if "cuda" in text.lower() else "this machine"
        return (
            f"The {stage} ran out of memory on {where} "
            f"({' '.join(text.split())[:150]}). Try {half}"
            f"{', and end other programs that use it' if where == 'the GPU' else ''}."
        )
    return None


def _text(error: BaseException) -> str:
    """Everything said by an error and by what led to it."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(parts) < 5:
        parts.append(str(seen) or type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    return " ".join(parts)


def _half_a_batch(config: Config, stage: str) -> str:
    options = getattr(config, stage, None)
    if options is None:
        return "less data at once"
    half = max(2, options.batch_size // 2)
    if half == options.batch_size:
        return f"a smaller {stage}.backbone.name, or smaller images (data.size)"
    return f"{stage}.batch_size={half} (it is {options.batch_size})"
