"""Files of a stranger: opened by pickle, they would leave a mark."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

#: What a configuration would have to build to do harm.
TARGETS = ("os.system", "subprocess.check_output", "builtins.eval", "shutil.rmtree")


class Hostile:
    """Pickled, it runs a command when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, (f"touch '{self.mark}'",)


def spoil(path: Path, mark: Path) -> None:
    """Put something into a file of ``torch.save`` that runs when pickle opens it."""
    content: dict[str, Any] = torch.load(path, weights_only=True)
    torch.save({**content, "more": Hostile(mark)}, path)


def opens_badly(path: Path, mark: Path) -> bool:
    """Whether the file does what it threatens to do, where nobody is careful."""
    torch.load(path, weights_only=False)
    done = mark.exists()
    mark.unlink(missing_ok=True)
    return done


def plain_pickle(path: Path, mark: Path) -> Path:
    path.write_bytes(pickle.dumps(Hostile(mark), protocol=2))
    return path
