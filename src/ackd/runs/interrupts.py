"""Signals that end a run: SIGTERM, and SIGUSR1, by which Slurm says that time is nearly up.

Both end it with 128 + the signal, the exit code that a shell gives a process that a signal ended,
and with the word that leads on. Lightning has an answer of its own to SIGUSR1 under Slurm, which is
switched off (see :func:`ackd.config.launch.processes.cluster_environment`).
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

__all__ = ["GOES_ON", "Received", "interruptible", "left_to_lightning"]

log = logging.getLogger("ackd")

GOES_ON = "the same command with ckpt_path=auto goes on from the last finished epoch."
Handler = Callable[[int, FrameType | None], object]


@dataclass
class Received:
    """The signal that came, None where none did."""

    number: int | None = None


@contextmanager
def interruptible() -> Iterator[None]:
    """End a run on SIGTERM, SIGUSR1 or Ctrl-C: files are closed, and the log says how to go on.

    Raises:
        SystemExit: With 128 + the signal.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        log.error("The run was interrupted by %s; %s", signal.Signals(number).name, GOES_ON)
        raise SystemExit(128 + number)

    try:
        with _handled({signal.SIGTERM: leave, signal.SIGUSR1: leave}):
            yield
    except KeyboardInterrupt:
        log.error("The run was interrupted; %s", GOES_ON)
        raise SystemExit(128 + signal.SIGINT) from None
    except SystemExit as leaving:
        # Outside of its training loop, Lightning turns Ctrl-C into exit code 1 without a word.
        if isinstance(leaving.__context__, KeyboardInterrupt) and leaving.code == 1:
            log.error("The run was interrupted; %s", GOES_ON)
            raise SystemExit(128 + signal.SIGINT) from leaving
        raise


@contextmanager
def left_to_lightning() -> Iterator[Received]:
    """Let Lightning answer SIGTERM, after the step at hand, and SIGUSR1 in the same way.

    Yields:
        What came.
    """
    received = Received()

    def ask(number: int, frame: FrameType | None) -> None:
        received.number = number
        os.kill(os.getpid(), signal.SIGTERM)

    # Lightning's own handler calls one that it finds; the default would end the process.
    with _handled({signal.SIGTERM: signal.SIG_DFL, signal.SIGUSR1: ask}):
        yield received


@contextmanager
def _handled(handlers: dict[signal.Signals, Handler | signal.Handlers]) -> Iterator[None]:
    """Put handlers in force; outside of the main thread Python allows none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def ours(handler: Handler | signal.Handlers) -> Handler | signal.Handlers:
        if isinstance(handler, signal.Handlers):
            return handler

        def guarded(number: int, frame: FrameType | None) -> None:
            # A forked worker inherits handlers; its parent answers for the run.
            if os.getpid() == owner:
                handler(number, frame)
            elif number == signal.SIGTERM:
                os._exit(128 + number)

        return guarded

    before = {number: signal.signal(number, ours(what)) for number, what in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: set from outside Python
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
