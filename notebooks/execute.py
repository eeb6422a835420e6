"""Execute a notebook again and keep its pictures: ``python notebooks/execute.py NOTEBOOK``.

In place it always shows the embedded data, whatever ``ACKD_NOTEBOOK_DATA`` says: pictures of other
data may not be ours to publish. With ``--out FILE`` the variable is obeyed and the copy is yours.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

VARIABLE = "ACKD_NOTEBOOK_DATA"


def main(arguments: Sequence[str] | None = None) -> None:
    """Execute one notebook from the first cell to the last; a failure leaves the file as it was."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--out", type=Path, help="where to write; in place where left out")
    given = parser.parse_args(arguments)
    if given.out is None and os.environ.pop(VARIABLE, None) is not None:
        print(f"{VARIABLE} is ignored in place; use --out FILE for your own data.", file=sys.stderr)
    # tqdm's advice on widgets, with the path of its file.
    os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"
    book = nbformat.read(given.notebook, as_version=4)
    # Times of execution and the version of Python would make every run another file.
    client = NotebookClient(
        book,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(Path.cwd())}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        said = f"{error.ename}: {error.evalue}"
        sys.exit(f"{given.notebook} was not written, because a cell failed. {said}")
    book.metadata.language_info = {"name": "python"}
    target = given.out or given.notebook
    beside = target.with_name(f".{target.name}.part")
    nbformat.write(book, beside)
    beside.replace(target)


if __name__ == "__main__":
    main()
