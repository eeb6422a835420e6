"""The last word of a command: a sentence, never a stack trace."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ackd.config.hints import hint, one_sentence
from ackd.errors import AckdError

__all__ = ["last_word"]

FULL_ERROR = "HYDRA_FULL_ERROR"


@contextmanager
def last_word(arguments: Sequence[str]) -> Iterator[None]:
    """Turn whatever goes wrong inside into one closing sentence and exit code 1.

    A mistake that the user can mend is told without a stack trace. Anything else keeps its trace,
    which whoever mends ackd needs, and a sentence after it. Where the user has set
    ``HYDRA_FULL_ERROR=1``, errors pass unchanged.

    Args:
        arguments: Of the command line, without the program; searched for what was meant.
    """
    if os.environ.get(FULL_ERROR) == "1":
        yield
        return
    # Hydra then hands its errors over, instead of printing them in its own way and leaving.
    os.environ[FULL_ERROR] = "1"
    try:
        yield
    except AckdError as error:
        sys.exit(f"ackd: {error}")
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(f"ackd: {hint(arguments) or one_sentence(error)}")
    except YAMLError as error:
        sys.exit(f"ackd: A YAML file cannot be read: {' '.join(str(error).split())}")
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        traceback.print_exc()
        sys.exit(
            f"ackd: {error.strerror or error}{place}. Check that this place exists, is writable "
            "and has room; outputs=DIR and artifacts=DIR say where ackd writes."
        )
    except Exception as error:
        # Hydra refuses some overrides (trainer=3) with a plain ValueError.
        advice = hint(arguments) if isinstance(error, ValueError) else None
        sys.exit(f"ackd: {advice}" if advice else _unexpected(error))
    finally:
        os.environ.pop(FULL_ERROR, None)


def _unexpected(error: Exception) -> str:
    traceback.print_exc()
    return (
        f"ackd: stopped by an error that it did not foresee, {type(error).__name__}: {error} "
        "(the trace above says where)."
    )
