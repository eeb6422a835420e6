"""The commands that the documents show, as bash hands them to the programs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXPERIMENTS = sorted((ROOT / "experiments").glob("*/README.md"))

PROGRAMS = ("python", "make", "pip", "wandb", "aws", "ackd-report")
# Every program that a block starts tells its words instead of running.
TELL = "".join(
    f"{name}() {{ printf '%s\\0' {name} \"$@\"; printf '\\n\\0'; }}\n" for name in PROGRAMS
)
TELL += 'srun() { "$@"; }\n'
SPAN = re.compile(r"(?<!`)`((?:python|make|ackd-report) [^`\n]+)`(?!`)")


def blocks(document: Path) -> list[str]:
    """The fenced blocks that start programs."""
    text = document.read_text(encoding="utf-8")
    fenced = re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.M | re.S)
    starts = re.compile(rf"^ *(?:{'|'.join(PROGRAMS)}|srun|\w+=\S+) ", re.M)
    return [
        block for language, block in fenced if language in ("", "bash") and starts.search(block)
    ]


def modules(document: Path) -> dict[str, str]:
    """The Python files that a document shows, by name; the first line of each is its name."""
    text = document.read_text(encoding="utf-8")
    shown = re.findall(r"^```python\n(# (\w+)\.py\n.*?)^```", text, re.M | re.S)
    return {name: code for code, name in shown}


def spans(document: Path) -> list[str]:
    """Commands in the running text and in tables."""
    return SPAN.findall(document.read_text(encoding="utf-8"))


def told(script: str) -> list[list[str]]:
    """The programs that a script starts, each with its words."""
    done = subprocess.run(
        ["bash", "-euc", TELL + script], capture_output=True, text=True, check=True
    )
    return [line.strip("\0").split("\0") for line in done.stdout.split("\n\0") if line]


def commands(document: Path) -> Iterator[list[str]]:
    """Every command of a document once, in its order."""
    seen = set()
    for words in told("\n".join((*blocks(document), *spans(document)))):
        if tuple(words) not in seen:
            seen.add(tuple(words))
            yield words


def first_job(overrides: list[str]) -> list[str]:
    """The overrides of a sweep's first job, without what is for the sweep itself."""
    words = []
    for word, read in zip(
        overrides, OverridesParser.create().parse_overrides(overrides), strict=True
    ):
        if word.startswith(("+sweep=", "hydra")):
            continue
        if read.is_sweep_override():
            start = word.partition("=")[0]
            word = f"{start}={next(iter(read.sweep_string_iterator()))}"
        words.append(word)
    return words
