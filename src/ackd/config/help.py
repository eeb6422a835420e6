"""``--help``, and ``--help TOPIC``: options with their values and with what their YAML file says.

The comments of the YAML files are the documentation of the options. They are read from the files
themselves, so that what is shown is what is there. Topics are a group (``data``), a choice of one
(``data=s2s_eu``), a section (``student.optimizer``) or an option (``loss.lambda1``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from ackd.config.command_line import quoted, split_words
from ackd.config.groups import Groups
from ackd.config.location import about
from ackd.config.messages.options import ON_DEMAND, unknown_choice, unknown_option
from ackd.config.programs import TRAIN, Program
from ackd.errors import ConfigError
from ackd.utils.values import paths

__all__ = ["comments_of", "help_text"]

FLAGS = ("--help", "-h")
COLUMN = 40  # where comments begin, if there is room
PACKAGE = re.compile(r"#\s*@package\s+(\S+)")


@dataclass(frozen=True)
class Source:
    """A YAML file of a group.

    Attributes:
        about: The comment at its head.
        package: Where its options are, e.g. ``"loss.kd"``; "" for the whole configuration.
        comments: Path within the whole configuration -> comment.
        text: The file.
    """

    about: str
    package: str
    comments: dict[str, str]
    text: str


def help_text(arguments: Sequence[str], program: Program = TRAIN) -> str | None:
    """Answer a command line that asks for help.

    Args:
        arguments: Without the program.
        program: That is asked.

    Returns:
        What to print; None where no help is asked for.

    Raises:
        ConfigError: There is no such topic; the nearest is named.
        HydraException: The options beside it cannot be composed.
    """
    if not any(flag in arguments for flag in FLAGS):
        return None
    words, files = split_words([word for word in arguments if word not in FLAGS], program)
    groups = files.choices()
    overrides = [word for word in words if "=" in word]
    topics = [word for word in words if "=" not in word]
    topics += [word for word in overrides if _group_of(word) in groups]
    for word in overrides:
        _check_choice(word, groups)
    # A group that is chosen already takes no plus here either, one on demand needs it.
    chosen = [f"+{w}" if _group_of(w) in ON_DEMAND and w[0] != "+" else w for w in overrides]
    cfg = _composed(chosen, files)
    if not topics:
        return _everything(cfg, groups, files)
    return "\n".join(_topic(word, cfg, groups, files) for word in topics)


def comments_of(cfg: DictConfig, files: Groups) -> dict[str, str]:
    """Option -> comment, for a configuration that was composed with Hydra's own part."""
    found = dict(_read(files.primary, "").comments)
    choices = {str(key): choice for key, choice in cfg.hydra.runtime.choices.items()}
    for key, choice in choices.items():
        group, _, place = key.partition("@")
        if group.startswith("hydra") or choice is None:
            continue
        found |= _source(group, str(choice), files, place).comments
    # Of several choices at a time (logger=[wandb,tensorboard]) Hydra keeps no record.
    for group, names in files.choices().items():
        if group not in ON_DEMAND and not any(group == key.partition("@")[0] for key in choices):
            for name in names:
                found = _source(group, name, files).comments | found
    return found


def _source(group: str, choice: str, files: Groups, place: str = "") -> Source:
    return _read(files.file(group, choice), place or group)


def _read(path: Path, package: str) -> Source:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    told = next((found[1] for line in lines[:3] if (found := PACKAGE.match(line))), package)
    package = "" if told == "_global_" else told
    comments: dict[str, str] = {}
    node = yaml.compose(text)
    if isinstance(node, yaml.MappingNode):
        for base, place in _bases(node):
            comments |= _read(path.parent / f"{base}.yaml", place or package).comments
        comments |= dict(_commented(node, lines, f"{package}." if package else ""))
    return Source(about(text), package, comments, text)


def _bases(node: yaml.MappingNode) -> list[tuple[str, str]]:
    """The files that a file builds on: entries such as ``base/files@_here_`` of its defaults.

    Each with its package, which is empty for that of the file.
    """
    return [
        (entry.value.partition("@")[0], entry.value.partition("@")[2].replace("_here_", ""))
        for key, value in node.value
        if key.value == "defaults"
        for entry in value.value
        if isinstance(entry, yaml.ScalarNode) and "@" in entry.value
    ]


def _commented(
    node: yaml.MappingNode, lines: Sequence[str], prefix: str
) -> Iterator[tuple[str, str]]:
    """Walk the options of a file with their comments: behind the value, or above the name."""
    for key, value in node.value:
        option = f"{prefix}{key.value}"
        inner = isinstance(value, yaml.MappingNode) and not value.flow_style
        line, column = key.end_mark.line, key.end_mark.column
        if not inner:
            line, column = value.end_mark.line, value.end_mark.column
        behind = re.match(r":?\s*#\s*(.*)", lines[line][column:]) if line < len(lines) else None
        above = lines[key.start_mark.line - 1].strip() if key.start_mark.line else ""
        if behind:
            yield option, behind[1].strip()
        elif above.startswith("#") and key.start_mark.column and not node.flow_style:
            yield option, above.lstrip("# ")
        if isinstance(value, yaml.MappingNode):
            yield from _commented(value, lines, f"{option}.")


def _composed(overrides: Sequence[str], files: Groups) -> DictConfig:
    words = list(overrides)
    if files.extra:
        words.append("hydra.searchpath=[" + ",".join(map(quoted, files.extra)) + "]")
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(files.program.config_dir), version_base="1.3"):
        return compose(files.program.primary, overrides=words, return_hydra_config=True)


def _everything(cfg: DictConfig, groups: dict[str, list[str]], files: Groups) -> str:
    purposes = _purposes(files.primary)
    chosen = "\n".join(_group_line(name, names, purposes) for name, names in groups.items())
    ours = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    options = "\n".join(_rendered(ours, comments_of(cfg, files)))
    more = (
        "--help GROUP (--help data), --help CHOICE (--help data=s2s_eu) and --help OPTION "
        "(--help student.optimizer)\nshow a part of it, with what each choice is."
    )
    return "\n".join(
        [
            cfg.hydra.help.header, "== Groups: what can be chosen, as group=name ==", "", chosen,
            "", more, "", "== All options with their values, as key=value ==", "", options, "",
            cfg.hydra.help.footer,
        ]
    )  # fmt: skip


def _topic(word: str, cfg: DictConfig, groups: dict[str, list[str]], files: Groups) -> str:
    name, given, choice = word.lstrip("+").partition("=")
    group, _, place = name.partition("@")
    parts = []
    if group in groups and not given:
        parts.append(_choices(group, groups[group], files))
    for one in _names(choice) if given else ():
        source = _source(group, one, files, place)
        if not source.package:  # it sets options of the whole configuration
            return f"{word}\n\n{source.text}"
        parts.append(f"{name}={one}: {source.about}\n")
        place = source.package
    ours: Any = OmegaConf.to_container(cfg, resolve=False)
    del ours["hydra"]
    options = paths(ours)
    section = place or name
    if section in options:
        parts += _section(section, ours, comments_of(cfg, files))
    if not parts:
        raise ConfigError(unknown_option(name, options, groups=groups))
    return "\n".join(parts)


def _section(section: str, tree: dict[str, Any], comments: dict[str, str]) -> list[str]:
    parent, _, leaf = section.rpartition(".")
    node = _at(tree, section)
    if isinstance(node, dict):
        head = f"== {section}, as {section}.KEY=VALUE ==\n"
        return [head, *_rendered(node, comments, f"{section}.")]
    return [_line(leaf, _at(tree, parent)[leaf], comments.get(section, ""), 0)]


def _names(choice: str) -> list[str]:
    """The names in a choice, which may be a list: ``[wandb,tensorboard]``."""
    return [name for name in re.split(r"[\[\],'\s]+", choice) if name]


def _at(tree: Any, path: str) -> Any:
    for part in filter(None, path.split(".")):
        tree = tree[part]
    return tree


def _choices(group: str, names: Sequence[str], files: Groups) -> str:
    told = _purposes(files.primary).get(group, "")
    form = f"{'+' if group in ON_DEMAND else ''}{group}=NAME"
    how = told if told.startswith("as ") else f"as {form}"
    lines = [f"== {group}: choose one, {how} ==", ""]
    for name in names:
        about = _source(group, name, files).about
        lines.append(f"{name:<22} {re.split(r'(?<=[.]) ', about)[0]}".rstrip())
    return "\n".join([*lines, ""])


def _group_line(name: str, choices: Sequence[str], purposes: dict[str, str]) -> str:
    purpose = f"added with a plus: +{name}=NAME" if name in ON_DEMAND else purposes.get(name)
    line = f"{name}: {', '.join(choices)}"
    return f"{line:<{COLUMN}}  # {purpose}" if purpose else line


def _purposes(path: Path) -> dict[str, str]:
    """What the entries of the defaults list are for, by group."""
    entries = re.finditer(
        r"^ +- (?P<group>[a-z_]+)(@(?P<place>\S+))?: \S+ +# (?P<about>.*)$",
        path.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    found: dict[str, list[str]] = {}
    for entry in entries:
        found.setdefault(entry["group"], []).append(entry["place"] or entry["about"])
    return {
        group: f"as {group}@PLACE=NAME for {', '.join(told)}" if len(told) > 1 else told[0]
        for group, told in found.items()
    }


def _group_of(word: str) -> str:
    return word.partition("=")[0].lstrip("+").partition("@")[0]


def _check_choice(word: str, groups: dict[str, list[str]]) -> None:
    group = _group_of(word)
    for choice in _names(word.partition("=")[2]) if group in groups else ():
        if choice not in groups[group]:
            raise ConfigError(unknown_choice(group, choice, groups[group]))


def _rendered(tree: Any, comments: dict[str, str], prefix: str = "", depth: int = 0) -> list[str]:
    """A configuration as YAML, a line for each option, with its comment."""
    if isinstance(tree, DictConfig):
        tree = OmegaConf.to_container(tree, resolve=False)
    lines = []
    for key, value in tree.items():
        comment = comments.get(f"{prefix}{key}", "")
        if isinstance(value, dict) and value:
            lines.append(_line(str(key), None, comment, depth, section=True))
            lines += _rendered(value, comments, f"{prefix}{key}.", depth + 1)
        else:
            lines.append(_line(str(key), value, comment, depth))
    return lines


def _line(key: str, value: Any, comment: str, depth: int, *, section: bool = False) -> str:
    text = f"{'  ' * depth}{key}:"
    if not section:
        text = f"{text} {_shown(value)}"
    return f"{text:<{COLUMN}}  # {comment}".rstrip() if comment else text


def _shown(value: Any) -> str:
    if isinstance(value, str) and "${" in value:
        return value  # plain YAML would quote it, which says nothing to a reader
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.removesuffix("...\n").strip()
