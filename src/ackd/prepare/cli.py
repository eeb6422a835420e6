"""The command line: ``python -m ackd.prepare``.

Exit codes: 0 all is well; 1 the data are not as they should be; 2 the command line is not.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ackd.config.messages.cli_errors import friendly_errors
from ackd.errors import AckdError, ConfigError
from ackd.prepare.commands import COMMANDS
from ackd.prepare.options import in_words_of_this_command, parser

__all__ = ["cli", "main"]


def cli(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; the last word is never a stack trace."""
    with friendly_errors([]):
        sys.exit(main(sys.argv[1:] if arguments is None else arguments))


def main(arguments: Sequence[str]) -> int:
    """Run the command line.

    Args:
        arguments: Without the program.

    Returns:
        The exit code.
    """
    if not arguments:
        parser().print_help()
        return 2
    given = parser().parse_args(arguments)
    try:
        return COMMANDS[given.command](given)
    except AckdError as error:
        said = in_words_of_this_command(str(error))
        print(f"ackd: {said}", file=sys.stderr)
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
