"""Finished stages: trained once, found again by fingerprint, never trained twice at a time."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from ackd.artifacts.usage import Usage
from ackd.errors import DamagedError
from ackd.runs.ranks import agree, barrier, first_rank
from ackd.utils.io import remove_drafts, sync_folder, write_json
from ackd.utils.locks import locked
from ackd.utils.values import digest

__all__ = ["DONE", "Artifact", "Storable", "obtain"]

log = logging.getLogger("ackd")

DONE = "stage.json"


P_co = TypeVar("P_co", covariant=True)


class Storable(Protocol[P_co]):
    """Something that is trained once and used by many runs."""

    @property
    def name(self) -> str:
        """Folder under the artifacts, and the word in the log."""
        ...

    @property
    def format_version(self) -> int:
        """Raised by one whenever the code changes what a finished stage holds or means."""
        ...

    def shaped_by(self) -> dict[str, Any]:
        """Everything that decides what comes out, as plain values: no paths, workers, devices."""
        ...

    def train(self, folder: Path, *, resume: bool) -> None:
        """Train and leave the product in ``folder``, going on from what is there if ``resume``."""
        ...

    def load(self, folder: Path) -> P_co:
        """Read the finished product.

        Raises:
            DamagedError: A file is cut off or damaged.
        """
        ...

    def report(self, folder: Path) -> dict[str, Any]:
        """Read what was measured when it was trained: ``seconds``, perhaps metrics.

        Raises:
            DamagedError: A file is cut off or damaged.
        """
        ...


@dataclass(frozen=True)
class Artifact(Generic[P_co]):
    """A finished stage.

    Attributes:
        folder: Where it is.
        fingerprint: Of what shaped it.
        product: What its stage has loaded from there.
        report: What was measured when it was trained.
        reused: Whether it was found, not trained.
    """

    folder: Path
    fingerprint: str
    product: P_co
    report: Mapping[str, Any]
    reused: bool


def obtain(
    stage: Storable[P_co], root: Path, *, force: bool = False, resume: bool = False,
    usage: Usage | None = None,
) -> Artifact[P_co]:  # fmt: skip
    """Find a finished stage, or train it.

    While one process trains, others that need the same stage wait for it and then reuse it; where
    it dies, the next one takes over. A stage is trained in a folder of its own and renamed when it
    is finished; under ``force``, or where the earlier one is damaged, it is replaced only then.

    Args:
        stage: What is needed.
        root: The artifacts folder.
        force: Train although a finished one is there.
        resume: Go on from the checkpoint of an earlier, interrupted training.
        usage: Of the run that needs it; holds it until the run ends.
    """
    shape = {"stage": stage.name, "format": stage.format_version, **stage.shaped_by()}
    name = digest(shape)
    final = root.absolute() / stage.name / name
    draft = final.with_name(f"{name}.training")

    if usage is not None:
        usage.begin(final)  # before the first look, so that it is not pruned after it

    def at_hand(*, reused: bool) -> Artifact[P_co]:
        return Artifact(final, name, stage.load(final), stage.report(final), reused)

    def found() -> Artifact[P_co] | None:
        """The finished stage, unless another one is asked for or it is damaged."""
        if force or not (final / DONE).is_file():
            return None
        try:
            return at_hand(reused=True)
        except (DamagedError, FileNotFoundError) as error:
            damage[:] = [str(error)]
            return None

    def reuse(artifact: Artifact[P_co] | None, when: str = "") -> Artifact[P_co]:
        hint = f"train it again with 'force=[{stage.name}]'"
        log.info("reusing %s %s%s (%s)", stage.name, name, when, hint)
        return artifact or at_hand(reused=True)

    damage: list[str] = []
    artifact = found()
    if agree(artifact is not None):
        return reuse(artifact)
    if first_rank():
        final.parent.mkdir(parents=True, exist_ok=True)
        with locked(
            final.with_name(f"{name}.lock"),
            f"another job that is training the same {stage.name}",
            # The other ranks of this job wait with rank 0, and would give it up for dead.
            beat=lambda: agree("wait"),
        ):
            # Somebody else may have finished it while this process waited.
            artifact = found()
            if artifact is not None:
                agree("reuse")
                return reuse(artifact, ", just finished by another job")
            if draft.exists() and not resume:
                shutil.rmtree(draft)
            draft.mkdir(exist_ok=True)
            remove_drafts(draft)  # of an attempt that was killed
            agree("train")
            if damage:
                log.warning("training %s %s again: %s", stage.name, name, damage[0])
            else:
                log.info("training %s %s", stage.name, name)
            stage.train(draft, resume=resume)
            write_json(draft / DONE, {"fingerprint": name, "shaped_by": shape})
            _replace(draft, final)
    else:
        # A rank that has just been started finds itself alone: rank 0 started it to train along.
        while (word := agree("train")) == "wait":
            pass
        if word == "reuse":
            return reuse(None, ", just finished by another job")
        stage.train(draft, resume=resume)
    barrier()
    return at_hand(reused=False)


def _replace(draft: Path, final: Path) -> None:
    """Put a finished draft in its place; whoever looks finds the old or the new one whole."""
    old = final.with_name(f"{final.name}.replaced")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    draft.rename(final)
    sync_folder(final.parent)
    shutil.rmtree(old, ignore_errors=True)
