"""Errors in the words of Python callers: arguments where the command line has options.

The layers below name options (``data.file_bands=[B02,B03]``), because most of their texts are read
by people at a command line. Here an option becomes the argument that sets it
(``bands=["B02", "B03"]``), and any other one its keyword (``student__batch_size=8``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ackd.config.programs import Program
from ackd.data.own_folders.questions import Answer, OpenQuestionsError, Question
from ackd.errors import AckdError, ConfigError

__all__ = ["Call", "keyword"]

_ELEMENT = re.compile(r"\s*,\s*")
_PLACEHOLDER = re.compile(r"[A-Z]+|\.\.\.")  # such as DIR and N
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_CONSTANTS = {"true": "True", "false": "False", "null": "None"}
_PHRASES = {
    " (--help GROUP and --cfg job list them.)": " (ackd.compose_config() shows all of them.)",
}


@dataclass(frozen=True)
class Call:
    """A call of a public function, whose errors are told in its own words.

    Attributes:
        name: Of the function, e.g. ``"ackd.distill"``.
        program: Whose options it sets.
        arguments: Option -> the argument that sets it.
        given: What the caller has written.
    """

    name: str
    program: Program
    arguments: Mapping[str, str]
    given: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def told(self, more: Sequence[tuple[str, Answer]] = ()) -> Iterator[None]:
        """Say what goes wrong inside in the words of this call.

        Args:
            more: Kinds of questions, each with a further answer that this call can offer.
        """
        try:
            yield
        except OpenQuestionsError as error:
            raise ConfigError(self._asked(error.questions, more)) from error
        except AckdError as error:
            error.args = (self.words(str(error)), *error.args[1:])
            raise

    def words(self, text: str) -> str:
        """A text about options as one about arguments."""
        for phrase, instead in _PHRASES.items():
            text = text.replace(phrase, instead)
        for name in self.given:
            if "__" in name:
                text = text.replace(name.replace("__", "."), name)
        return _options(self.program).sub(self._argument, text)

    def _argument(self, found: re.Match[str]) -> str:
        name = keyword(found["option"], self.arguments)
        if found["value"] is None:
            return name
        value = found["value"]
        ending = re.search(r"[.;:,]*$", value)
        cut = len(value) - len(ending[0]) if ending and not value.startswith("[") else len(value)
        return f"{name}={_value(value[:cut])}{value[cut:]}"

    def _asked(self, questions: Sequence[Question], more: Sequence[tuple[str, Answer]]) -> str:
        count = len(questions)
        must = (
            "one thing must be said first" if count == 1 else f"{count} things must be said first"
        )
        lines = [f"These data cannot train yet: {must}."]
        lines += [f"  {n}. {self.words(one.text)}" for n, one in enumerate(questions, start=1)]
        added = [answer for kind, answer in more if any(kind == one.kind for one in questions)]
        found = [*self._calls(questions), *((self.written(a.options), a.meaning) for a in added)]
        if found and not all(question.answers for question in questions):
            lines.append("Once the folders are put right, the complete call is:")
        elif found:
            lines.append("The complete call is" + (" one of these:" if len(found) > 1 else ":"))
        for text, meaning in found:
            lines += [f"  # {meaning}"] if meaning else []
            lines.append(f"  {text}")
        return "\n".join(lines)

    def _calls(self, questions: Sequence[Question]) -> list[tuple[str, str]]:
        answered = [question for question in questions if question.answers]
        if not answered:
            return []
        open_one = max(answered, key=lambda question: len(question.answers))
        found = []
        for answer in open_one.answers:
            options: dict[str, Any] = {}
            for question in answered:
                options |= (answer if question is open_one else question.answers[0]).options
            found.append((self.written(options), answer.meaning))
        return found

    def written(self, options: Mapping[str, Any]) -> str:
        """The call with further options, to paste."""
        further = {keyword(name, self.arguments): value for name, value in options.items()}
        shown = {key: value for key, value in (self.given | further).items() if value is not None}
        return f"{self.name}({', '.join(f'{key}={_python(v)}' for key, v in shown.items())})"


def keyword(option: str, arguments: Mapping[str, str]) -> str:
    """The argument that sets an option; two underscores stand for a dot."""
    return arguments.get(option, option.replace(".", "__"))


def _options(program: Program) -> re.Pattern[str]:
    from ackd.config.schema.options import option_paths  # late: it takes a second

    names = sorted((p for p in option_paths(program.config) if "." in p), key=len, reverse=True)
    known = "|".join(re.escape(name).replace(r"\*", r"\w+") for name in names)
    value = r"\[[^\]]*\]|'[^']*'|\"[^\"]*\"|[^\s;,()'\"\[\]]+"
    return re.compile(
        rf"(?<![\w./'\"-])'?(?P<option>{known})(?![\w.]*\w)(?:=(?P<value>{value}))?'?"
    )


def _value(text: str) -> str:
    """A value of the command line as Python has it."""
    if text.startswith("["):
        inner = text.strip("[]").strip()
        return f"[{', '.join(map(_value, _ELEMENT.split(inner)))}]" if inner else "[]"
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not text or text[0] in "'\"" or _PLACEHOLDER.fullmatch(text) or _NUMBER.fullmatch(text):
        return text
    return f'"{text}"'


def _python(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_python, value))}]"
    if hasattr(value, "__fspath__"):
        value = value.__fspath__()
    if isinstance(value, str) and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return repr(value)
