"""The last word of a command: a sentence, never a stack trace."""

from __future__ import annotations

import os
import select
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ackd.config.messages.overrides import hint, one_sentence
from ackd.config.programs import TRAIN, Program
from ackd.errors import AckdError

__all__ = ["friendly_errors", "unread"]

FULL_ERROR = "HYDRA_FULL_ERROR"

# Of a process that a closed pipe ended: 128 + SIGPIPE, as the shell says it of any other program.
CLOSED_PIPE = 141


@contextmanager
def friendly_errors(arguments: Sequence[str], program: Program = TRAIN) -> Iterator[None]:
    """Turn whatever goes wrong inside into one closing sentence and exit code 1.

    A mistake that the user can fix is told without a stack trace. Anything else keeps its trace,
    whoever fixes ackd needs it, and a sentence after it. A reader that has seen enough (``| head``,
    ``| less`` and q) is not a mistake: the command ends without a word. Where the user has set
    ``HYDRA_FULL_ERROR=1``, errors pass unchanged.

    Args:
        arguments: Of the command line, without the program; searched for what was meant.
        program: Whose options they are.
    """
    if os.environ.get(FULL_ERROR) == "1":
        yield
        return
    # Hydra then hands its errors over, instead of printing them in its own way and leaving.
    os.environ[FULL_ERROR] = "1"
    try:
        yield
    except SystemExit:
        if unread():
            sys.exit(CLOSED_PIPE)
        raise
    except AckdError as error:
        sys.exit(f"ackd: {error}")
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(f"ackd: {hint(arguments, program) or one_sentence(error)}")
    except YAMLError as error:
        sys.exit(f"ackd: A YAML file cannot be read: {' '.join(str(error).split())}")
    except OSError as error:
        if isinstance(error, BrokenPipeError) and unread():
            sys.exit(CLOSED_PIPE)
        place = f" ({error.filename})" if error.filename else ""
        traceback.print_exc()
        sys.exit(
            f"ackd: {error.strerror or error}{place}. Check that this place exists, is writable "
            "and has room; outputs=DIR and artifacts=DIR say where ackd writes."
        )
    except Exception as error:
        # Hydra refuses some overrides (trainer=3) with a plain ValueError.
        advice = hint(arguments, program) if isinstance(error, ValueError) else None
        sys.exit(f"ackd: {advice}" if advice else _unexpected(error))
    else:
        if unread():
            sys.exit(CLOSED_PIPE)
    finally:
        os.environ.pop(FULL_ERROR, None)


def unread() -> bool:
    """Whether nobody reads what the command prints any more.

    What is still to be printed is then dropped, so that Python does not complain about it when the
    process ends.
    """
    closed = False
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
            gone = _is_closed_pipe(stream.fileno())
        except BrokenPipeError:
            gone = True
        except (OSError, ValueError):  # replaced by something that is not a file
            continue
        if gone:
            closed = True
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    return closed


def _is_closed_pipe(descriptor: int) -> bool:
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _unexpected(error: Exception) -> str:
    traceback.print_exc()
    return (
        f"ackd: stopped by an error that it did not foresee, {type(error).__name__}: {error} "
        "(the trace above says where)."
    )
