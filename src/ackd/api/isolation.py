"""A run inside of somebody else's program: afterwards the process is what it was.

The command line has a process of its own, and may seed it, log to its terminal and end it. A
notebook, a test or a program goes on after the run.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ackd.errors import AckdError

__all__ = ["undisturbed"]

_LOGGERS = (
    "", "ackd", "lightning", "lightning.pytorch", "lightning.fabric",
    "lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero",
)  # fmt: skip
_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Give back what a run changes: random generators, environment, loggers, handlers, switches.

    Where the run is interrupted, so is the caller, by the same signal: Ctrl-C is a
    ``KeyboardInterrupt``, and SIGTERM does what it would have done without a run.

    Raises:
        AckdError: The run was ended by a signal that the caller's own handler has taken.
    """
    ended_by: int | None = None
    with ExitStack() as stack:
        for kept in (_environment, _logging, _signals, _switches, _random_numbers):
            stack.enter_context(kept())
        # Filters, which is all that a run changes of it.
        stack.enter_context(warnings.catch_warnings())
        try:
            yield
        except SystemExit as leaving:
            if not isinstance(leaving.code, int) or leaving.code <= 128:
                raise AckdError(f"The run has ended ({leaving.code}).") from leaving
            ended_by = leaving.code - 128
    if ended_by is None:
        return
    if ended_by == signal.SIGINT:
        raise KeyboardInterrupt
    # The caller's handlers are in force again.
    signal.raise_signal(ended_by)
    raise AckdError(
        f"The run was interrupted by {signal.Signals(ended_by).name}; the same call goes on from "
        "the last finished epoch."
    )


@contextmanager
def _environment() -> Iterator[None]:
    variables, folder = dict(os.environ), Path.cwd()
    try:
        yield
    finally:
        for name in set(os.environ) - set(variables):
            del os.environ[name]
        os.environ.update(variables)
        os.chdir(folder)


@contextmanager
def _logging() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(log.level, log.propagate, list(log.handlers), log.disabled) for log in loggers]
    try:
        yield
    finally:
        for log, (level, propagate, handlers, disabled) in zip(loggers, before, strict=True):
            log.setLevel(level)
            log.propagate, log.handlers, log.disabled = propagate, handlers, disabled


@contextmanager
def _signals() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python allows no handlers there, so that a run sets none
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


@contextmanager
def _switches() -> Iterator[None]:
    """What the Trainer sets for its kernels, and leaves so."""
    import torch

    cudnn = torch.backends.cudnn
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    threads, benchmark, chosen = torch.get_num_threads(), cudnn.benchmark, cudnn.deterministic
    grad = torch.is_grad_enabled()
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        cudnn.benchmark, cudnn.deterministic = benchmark, chosen
        torch.set_grad_enabled(grad)


@contextmanager
def _random_numbers() -> Iterator[None]:
    # Lightning's isolate_rng gives nothing back where an error passes through it.
    import numpy as np
    import torch

    numbers, arrays, tensors = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        random.setstate(numbers)
        np.random.set_state(arrays)
        torch.set_rng_state(tensors)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
