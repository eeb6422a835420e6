"""What the machine ran out of, said with the option that needs less of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from ackd.config.schema import RunConfig
from ackd.errors import AckdError
from ackd.utils.memory import errors_text, out_of_memory

__all__ = ["shortages_of_test_told", "shortages_told"]

SHARED = re.compile(
    r"bus error|shared memory|/dev/shm|shm_open|/torch_\d+|insufficient shared", re.IGNORECASE
)
WORKER = re.compile(r"DataLoader worker \(pids?(?:\(s\))? [^)]*\)", re.IGNORECASE)
KILLED = re.compile(r"killed by signal: Killed|exited unexpectedly", re.IGNORECASE)


@contextmanager
def shortages_told(
    config: RunConfig, stage: str, *, doing: str | None = None, half: str | None = None
) -> Iterator[None]:
    """Turn what a lack of memory, of shared memory or of an answer raises inside into a sentence.

    Args:
        config: Of the run.
        stage: A stage of training, whose batch size is named.
        doing: What is being done, for the sentence; the stage by default.
        half: What needs less memory; half of the stage's batch by default.

    Raises:
        AckdError: In place of what was raised, which is its cause.
    """
    try:
        yield
    except AckdError:
        raise  # said already
    except (RuntimeError, MemoryError, OSError) as error:
        told = _told(error, config, doing or stage, half or _half_a_batch(config, stage))
        if told is None:
            raise
        raise AckdError(told) from error


def shortages_of_test_told(config: RunConfig, stage: str) -> AbstractContextManager[None]:
    """The same for the test of a stage that has been trained."""
    less = (
        f"{_half_a_batch(config, stage)}, which trains it again, or free some memory and go on "
        "with ckpt_path=auto"
    )
    return shortages_told(config, stage, doing=f"test of the {stage}", half=less)


def _told(error: Exception, config: RunConfig, stage: str, half: str) -> str | None:
    text = errors_text(error)
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
    if out_of_memory(error):
        where = "the GPU" if "cuda" in text.lower() else "this machine"
        return (
            f"The {stage} ran out of memory on {where} "
            f"({' '.join(text.split())[:150]}). Try {half}"
            f"{', and end other programs that use it' if where == 'the GPU' else ''}."
        )
    return None


def _half_a_batch(config: RunConfig, stage: str) -> str:
    """The option that lets a stage train with less memory, with a value."""
    options = getattr(config, stage)
    half = max(2, options.batch_size // 2)
    if half == options.batch_size:
        return config.smaller(stage)
    return f"{stage}.batch_size={half} (it is {options.batch_size})"
