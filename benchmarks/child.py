"""One function of a benchmark in a process of its own; see `benchmarks.measure.in_process`."""

from __future__ import annotations

import importlib
import json
import sys

__all__: list[str] = []

if __name__ == "__main__":
    module, function, arguments = sys.argv[1:]
    found = getattr(importlib.import_module(f"benchmarks.{module}"), function)
    print(json.dumps(found(**json.loads(arguments))))
