"""``python -m ackd.sweeps.keeper COMMAND``: a job that never outlives the sweep it belongs to.

It leads the process group of the job, and holds a pipe from the sweep as its standard input. The
pipe ends when the sweep does, however it died, and then the keeper ends the group.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

__all__ = ["main"]

GRACE_SECONDS = 10.0


def main(command: list[str]) -> int:
    """Run a command; returns its exit code, or 128 + the signal that ended it, as a shell does."""
    # They go to the whole group: the job answers them, and the keeper reports how it ended.
    for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, preexec_fn=_as_usual, close_fds=True
    ) as job:
        threading.Thread(target=_end_with_the_sweep, args=(job,), daemon=True).start()
        code = job.wait()
    return 128 - code if code < 0 else code


def _as_usual() -> None:
    """Ignored signals stay ignored in a new program, which has to hear them."""
    for heard in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(heard, signal.SIG_DFL)


def _end_with_the_sweep(job: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.killpg(0, signal.SIGTERM)
    try:
        job.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
