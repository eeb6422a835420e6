"""Texts about names of options and of choices: which one was meant, how one is added.

To answer a name that users of other frameworks try, add it to :data:`ABSENT`; an option that ackd
itself had in an earlier version goes to :mod:`ackd.config.messages.removed`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ackd.errors import LIKENESS, did_you_mean, nearest

__all__ = [
    "ON_DEMAND",
    "how_to_add",
    "nearest_option",
    "unknown_choice",
    "unknown_option",
]

# Groups that are in no defaults list, so they are added with +.
ON_DEMAND = ("experiment", "sweep", "compared")

# Where names are open, so that another one is added; how to do it.
OPEN = {
    r"loss\.kd\.(?P<name>\w+).*": "a distillation loss of your own is added with a plus: "
    "+loss.kd.{name}.loss._target_=package.module.Class",
    r"data\.augmentation\.(?P<name>ms|rgb).*": "an augmentation of your own is added with a plus: "
    "+data.augmentation.{name}._target_=package.module.Class",
    r"callbacks\.(?P<name>\w+).*": "a callback of your own is added with a plus: "
    "+callbacks.{name}._target_=package.module.Class",
    r"trainer\.(?P<name>\w+)": "an argument of lightning.Trainer is added with a plus: "
    "+trainer.{name}=VALUE",
    r"(?P<name>\w+\.optimizer\.\w+)": "an argument of the optimizer is added "
    "with a plus: +{name}=VALUE",
    r"(?P<name>\w+\.scheduler\.\w+)": "an argument of a schedule by class "
    "(scheduler._target_) is added with a plus: +{name}=VALUE",
    r"(?P<name>\w+\.backbone\.\w+)": "an argument of a backbone of your own "
    "(backbone._target_) is added with a plus: +{name}=VALUE",
}

# What other frameworks have and what there is instead.
ABSENT = {
    r"(\w+\.)?(lr_?)?schedul\w*": "A schedule of the learning rate is an option of a "
    "stage: STAGE.scheduler=none, cosine, step, poly or warmup_cosine, with further options "
    "in STAGE.scheduler (--help student.scheduler).",
    r"\w+\.callbacks(\..*)?": "A callback of your own is added with "
    "a plus: +callbacks.NAME._target_=package.module.Class, in some of the stages with "
    "+callbacks.NAME._stages_=[student].",
    r"(\w+\.)?(?!early_stopping\.)early_?stop\w*(\..*)?|(trainer\.)?early_stopping\..*": "Early "
    "stopping is an option of a stage: STAGE.early_stopping.patience=N "
    "(--help student.early_stopping).",
    r"(\w+\.)?(use_)?(ema(_\w+)?|swa(_\w+)?|(stochastic_)?weight_averag\w*)|ema\..*": "An "
    "exponential moving average of the weights is an option of a stage: STAGE.ema.decay=0.999 "
    "(--help student.ema).",
}

# Groups that a user extends, and what such a file holds.
OWN_FILES = {
    "callbacks": ", with {name}: {{_target_: package.module.Class}}",
    "kd": ", with '# @package loss.kd' in its first line and below it {name}: {{loss: {{_target_: "
    "package.module.Class}}, weight: 1.0}}",
}


def unknown_option(
    option: str, known: Iterable[str], *, add: str = "", groups: Iterable[str] = ()
) -> str:
    """Say that there is no such option, and which one was probably meant.

    Args:
        option: As it was written, e.g. ``"loss.lamda1"``.
        known: The options that exist.
        add: How to add one of this name where names are open, see :data:`OPEN`.
        groups: What can be chosen as ``group=name``.
    """
    for pattern, instead in ABSENT.items():
        if re.fullmatch(pattern, option):
            return f"There is no option '{option}'. {instead}"
    close = nearest_option(option, [*known, *groups])
    if close and add and not _same_section(option, close):
        close = None  # a name that may be new is not a misspelling of one elsewhere
    meant = f" Did you mean '{close}'?" if close else ""
    how = f" {add[0].upper()}{add[1:]}." if add and not close else ""
    return f"There is no option '{option}'.{meant}{how} (--help GROUP and --cfg job list them.)"


def _same_section(option: str, other: str) -> bool:
    section, place = option.rpartition(".")[0], other.rpartition(".")[0]
    return nearest(section, [place], 0.9) is not None


def how_to_add(option: str) -> str:
    """How an option of this name is added where names are open; "" where they are not."""
    for pattern, words in OPEN.items():
        found = re.fullmatch(pattern, option)
        if found:
            return words.format(name=found["name"])
    return ""


def unknown_choice(group: str, name: str, choices: Sequence[str], key: str | None = None) -> str:
    """Say that a group has no such entry.

    Args:
        group: E.g. ``"backbone"``.
        name: The entry that was asked for.
        choices: The entries there are.
        key: How the group was written, e.g. ``"backbone@student.backbone"``.
    """
    plus = "+" if group in ON_DEMAND else ""
    meant = did_you_mean(name, choices, f"{plus}{key or group}={{}}")
    shape = OWN_FILES.get(group, "").format(name=name)
    own = f" One of your own is a file {group}/{name}.yaml in --config-dir DIR{shape}."
    own = "" if meant else own
    return f"There is no '{name}' in {group}.{meant} Known: {', '.join(choices)}.{own}"


def nearest_option(option: str, known: Iterable[str]) -> str | None:
    """Return the known option that was probably meant, or None.

    A misspelling within the same section is the likeliest, then a right name without its section
    (``lambda1`` for ``loss.lambda1``), then a misspelling in a misspelt section or without one. A
    guess that is farther away is worse than none.

    Args:
        option: What was written, e.g. ``"loss.lamda1"``.
        known: Options that exist; ``*`` in one of them stands for any name.
    """
    section, _, leaf = option.rpartition(".")
    paths = [_adapt(path, section) for path in known]
    siblings = {p.rpartition(".")[2]: p for p in paths if p.rpartition(".")[0] == section}
    named = [path for path in paths if "*" not in path]
    same_name = [path for path in named if path.rpartition(".")[2] == leaf]
    close = nearest(leaf, siblings, LIKENESS)
    # A whole name without its section ("pretrained") is not a misspelling of a section ("trainer").
    if close and (section or not same_name):
        return siblings[close]
    if same_name:
        head = section.partition(".")[0]
        within = [path for path in same_name if path.partition(".")[0] == head]
        return within[0] if within else nearest(option, same_name) or same_name[0]
    # The section may be misspelt as well; a long one in common would make anything look alike.
    alike = [
        path
        for path in named
        if path.rpartition(".")[0] != section
        and nearest(leaf, [path.rpartition(".")[2]], LIKENESS)
        and (not section or nearest(section, [path.rpartition(".")[0]], LIKENESS))
    ]
    return nearest(option, alike, 0.0)


def _adapt(path: str, section: str) -> str:
    """Fill the names of ``section`` into the places that a path leaves open."""
    parts, given = path.split("."), section.split(".")
    if "*" not in parts:
        return path
    place = parts.index("*")
    if parts[:place] == given[:place] and len(given) > place:
        parts[place] = given[place]
    return ".".join(parts)
