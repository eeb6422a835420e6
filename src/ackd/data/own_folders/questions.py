"""What must be asked before a user's own data can train, all at once, with the command to paste."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ackd.errors import ConfigError, DataError

__all__ = [
    "Answer",
    "OpenQuestionsError",
    "Question",
    "command",
    "commands",
    "invalid_pixels",
    "option_word",
    "questions_text",
]

#: The program that options are for.
TRAIN = ("python", "-m", "ackd.train")


@dataclass(frozen=True)
class Answer:
    """One way to answer a question: options by name, and what they mean in a few words."""

    options: Mapping[str, Any]
    meaning: str


@dataclass(frozen=True)
class Question:
    """Something that the files do not tell and a run must know.

    Attributes:
        text: What is not known, and why it matters.
        kind: The same in two or three words, for lists.
        answers: What would fit, the likeliest first; none where no option helps and the folders
            themselves must change.
    """

    text: str
    kind: str
    answers: tuple[Answer, ...] = ()


class OpenQuestionsError(ConfigError, DataError):
    """Something must be said before a user's own data can train; the text has commands to paste.

    Attributes:
        questions: What is asked.
    """

    def __init__(self, questions: Sequence[Question], words: Sequence[str]) -> None:
        super().__init__(questions_text(questions, words))
        self.questions = tuple(questions)


def invalid_pixels(markers: Sequence[float] = ()) -> Question:
    """Ask what to do with images that have invalid pixels.

    Args:
        markers: Numbers that mark invalid pixels although the files do not say so. The option
            takes one of them, so where there are several the commands have the most common.
    """
    value = {"data.nodata_value": f"{Counter(markers).most_common(1)[0][0]:g}"} if markers else {}
    answers = (
        Answer({**value, "data.nodata": "drop"}, "images with invalid pixels are left out"),
        Answer({**value, "data.nodata": "zero"}, "they stay, and their invalid pixels are 0"),
    )
    return Question("Some images have invalid pixels.", "nodata", answers)


def option_word(name: str, value: Any) -> str:
    """Write an option as one word for a shell, with what Hydra's grammar needs inside."""
    if isinstance(value, list | tuple):
        text = f"[{','.join(_element(str(entry)) for entry in value)}]"
    else:
        text = str(value)
    return shlex.quote(f"{name}={text}")


def command(words: Sequence[str], options: Mapping[str, Any]) -> str:
    """Write the command with these overrides (``key=value``, not quoted) and options.

    An override of an option that is given too is left out.
    """
    kept = [word for word in words if word.partition("=")[0].lstrip("+") not in options]
    added = [option_word(name, value) for name, value in options.items()]
    return " ".join([*TRAIN, *(shlex.quote(word) for word in kept), *added])


def commands(questions: Sequence[Question], words: Sequence[str]) -> list[tuple[str, str]]:
    """Every complete command that answers all questions, with what sets it apart.

    Of questions with one answer the command has that; a question with several gives one command
    for each of its answers, with the likeliest answers to the others.

    Args:
        questions: At least one of them with an answer.
        words: The overrides that the user gave.
    """
    answered = [question for question in questions if question.answers]
    if not answered:
        return []
    open_one = max(answered, key=lambda question: len(question.answers))
    found = []
    for answer in open_one.answers:
        options: dict[str, Any] = {}
        for question in answered:
            options |= (answer if question is open_one else question.answers[0]).options
        meaning = answer.meaning if len(open_one.answers) > 1 else ""
        found.append((command(words, options), meaning))
    return found


def questions_text(questions: Sequence[Question], words: Sequence[str]) -> str:
    """Say everything that is asked, and the commands to paste.

    Args:
        questions: At least one.
        words: The overrides that the user gave, not quoted.
    """
    lines = [f"These data cannot train yet: {_count(len(questions))}."]
    lines += [f"  {number}. {one.text}" for number, one in enumerate(questions, start=1)]
    found = commands(questions, words)
    if found and any(not question.answers for question in questions):
        lines.append("Once the folders are put right, the complete command is:")
    elif len(found) == 1:
        lines.append("The complete command, to paste:")
    elif found:
        lines.append("The complete command, to paste, is one of these:")
    for text, meaning in found:
        lines += [f"  # {meaning}"] if meaning else []
        lines.append(f"  {text}")
    return "\n".join(lines)


def _count(number: int) -> str:
    return "one thing must be said first" if number == 1 else f"{number} things must be said first"


def _element(text: str) -> str:
    """An element of a list in Hydra's grammar, in quotes where it needs them."""
    if re.fullmatch(r"[A-Za-z_][\w.+-]*", text, re.ASCII) and text.lower() not in _WORDS:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_WORDS = frozenset({"null", "true", "false", "nan", "inf"})
