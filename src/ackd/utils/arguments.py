"""What commands without Hydra share: the nearest right word for a wrong one, and how they end."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from ackd.errors import AckdError, ConfigError, did_you_mean

__all__ = ["Parser", "end"]


class Parser(argparse.ArgumentParser):
    """Takes no abbreviations and names the nearest right word; exit code 2."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the words, in one sentence."""
        self.exit(2, f"ackd: {message[:1].upper()}{message[1:]}.{self._meant(message)}\n")

    def _meant(self, message: str) -> str:
        quoted = re.search(r"invalid choice: '([^']*)'", message)
        if quoted:
            known = re.findall(r"'?([\w-]+)'?(?=[,)])", message.partition("choose from")[2])
            return did_you_mean(quoted[1], known)
        words = message.partition("unrecognized arguments: ")[2].split()
        strangers = [word.partition("=")[0] for word in words if word.startswith("-")]
        meant = did_you_mean(strangers[0], _flags(self)) if strangers else ""
        return meant or f" (See {self.prog} --help.)"


def _flags(parser: argparse.ArgumentParser) -> Iterable[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from _flags(sub)


def end(work: Callable[[], int], worded: Callable[[str], str] = str) -> int:
    """Do the work of a command, and say in one sentence what stopped it.

    Args:
        work: Gives the exit code.
        worded: Brings a message into the words of the command.

    Returns:
        The exit code: 2 where the words of the command line are wrong, 1 where something else is
        that the user can fix, 130 where the user stopped it.
    """
    try:
        return work()
    except AckdError as error:
        print(f"ackd: {worded(str(error))}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        print("ackd: stopped; nothing half-written was left.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise  # the reader of a pipe has seen enough
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        print(
            f"ackd: {error.strerror or error}{place}. Check that this place exists, can be read "
            "and written, and has room.",
            file=sys.stderr,
        )
        return 1
