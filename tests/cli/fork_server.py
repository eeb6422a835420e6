"""A Python that has imported what training needs, and forks a process for each command.

Importing torch and Lightning takes longer than most commands under test. A line on stdin is a
command as JSON, the line on stdout that answers it is its exit code. What a command imports, and
when, is for tests that start a Python of their own (:func:`tests.cli.running.run`).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import runpy
import sys
import threading
import traceback
from importlib import import_module

# Not the modules of commands: each is run as __main__, which it must not have been before.
IMPORTED = (
    "timm", "torchvision", "lightning.pytorch", "torchmetrics.classification", "rasterio",
    "ackd.command", "ackd.config.check", "ackd.config.check.buildable", "ackd.data.synthetic",
    "ackd.config.check.scene_networks", "ackd.stages.context", "ackd.stages.pipeline",
    "ackd.stages.student",
)  # fmt: skip


def serve() -> None:
    """Run one command after the other."""
    for name in IMPORTED:
        import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_run(**json.loads(line)))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, flush=True)


def _run(words: list[str], cwd: str, environment: dict[str, str], out: str, err: str) -> int:
    """Be ``python`` with these words, as far as a process can that did not start as one."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for stream, path in enumerate((os.devnull, out, err)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), stream)
    kind, program, *sys.argv[1:] = words
    sys.path[:1] = [cwd, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    code = 0
    try:
        if kind == "-m":
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            exec(program, {"__name__": "__main__"})
    except SystemExit as end:
        code = _told(end.code)
    except BaseException:  # as at the top level of a Python that was started
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    return code


def _told(code: object) -> int:
    """What ``sys.exit`` makes of its argument."""
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1


if __name__ == "__main__":
    serve()
