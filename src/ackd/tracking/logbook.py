"""What ackd says goes to the terminal and into the run folder's ``train.log``."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ackd.utils.progress import FILE_ONLY

__all__ = ["logbook"]

# Lightning tells of its hardware and of a product at every Trainer, three times a run.
CHATTY = ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero")


class _Terminal(logging.StreamHandler[TextIO]):
    """Ends the run where nobody reads its words any more, as any other command in a pipe ends."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Pass a closed pipe on; anything else is told by logging itself."""
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            raise  # logging calls this where it handles the error
        super().handleError(record)


@contextmanager
def logbook() -> Iterator[Callable[[Path], None]]:
    """Open the log of a run; the function it gives adds a file to it.

    Ranks other than the first only speak up for warnings.
    """
    logger = logging.getLogger("ackd")
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    terminal = _Terminal(sys.stdout)
    terminal.setFormatter(logging.Formatter("%(message)s"))
    terminal.addFilter(lambda record: not getattr(record, FILE_ONLY, False))
    handlers: list[logging.Handler] = [terminal]
    logger.addHandler(terminal)
    logger.setLevel(logging.INFO if first else logging.WARNING)
    logger.propagate = False
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Lightning calls torch's own pytree functions; mended there, nothing a user can do.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")

    def to_file(path: Path) -> None:
        if first:
            file = logging.FileHandler(path, encoding="utf-8")
            file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            handlers.append(file)
            logger.addHandler(file)

    try:
        yield to_file
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()
