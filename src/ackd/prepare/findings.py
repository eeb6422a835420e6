"""What a check found, and how it is told: grouped by severity, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from rich.console import Console

from ackd.errors import counted

__all__ = ["SEVERITIES", "Finding", "Report", "Severity"]

Severity = Literal["error", "warning", "note"]

#: What each severity means, the worst first.
SEVERITIES: Final[dict[Severity, str]] = {
    "error": "breaks training",
    "warning": "does not stop training, but look at it",
    "note": "good to know",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        severity: See `SEVERITIES`.
        kind: What it is in a few words; findings of a kind are shown together.
        source: The data set or benchmark.
        text: A sentence that names the file or class.
        files: The files it is about.
    """

    severity: Severity
    kind: str
    source: str
    text: str
    files: tuple[str, ...] = ()


@dataclass
class Report:
    """Everything a check found under a folder.

    Attributes:
        folder: What was looked at.
        images: Source -> images opened.
        findings: In the order found.
        understood: What a user's own folders were taken for, one sentence each.
        commands: Complete commands that train on them, each with what sets it apart.
        markers: Numbers that mark invalid pixels although the files do not say so.
    """

    folder: Path
    images: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    understood: list[str] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)
    markers: list[float] = field(default_factory=list)

    @property
    def breaks(self) -> bool:
        """Whether anything found would break training."""
        return any(finding.severity == "error" for finding in self.findings)

    def add(
        self,
        severity: Severity,
        kind: str,
        source: str,
        text: str,
        files: Sequence[str] = (),
    ) -> None:
        """Note down one thing."""
        self.findings.append(Finding(severity, kind, source, text, tuple(files)))

    def of(self, severity: Severity) -> list[Finding]:
        """The findings of one severity."""
        return [finding for finding in self.findings if finding.severity == severity]

    def to_json(self) -> dict[str, Any]:
        """Everything, fit for JSON."""
        return {
            "folder": str(self.folder),
            "breaks_training": self.breaks,
            "counts": {severity: len(self.of(severity)) for severity in SEVERITIES},
            "images": dict(self.images),
            "findings": [asdict(finding) for finding in self.findings],
            "understood": list(self.understood),
            "commands": [text for text, _ in self.commands],
        }

    def show(self, console: Console, most: int | None = 5) -> None:
        """Print it, the worst first.

        Args:
            console: Where to.
            most: How many findings of a kind and source; all where None.
        """
        opened = ", ".join(f"{name} {count:,}" for name, count in self.images.items())
        console.print(f"{self.folder}: images opened: {opened or 'none'}", soft_wrap=True)
        for said in self.understood:
            console.print(said, soft_wrap=True, markup=False, highlight=False)
        for severity, meaning in SEVERITIES.items():
            found = self.of(severity)
            if not found:
                continue
            console.print(f"\n{severity}: {len(found):,} ({meaning})", style="bold")
            for kind, source in dict.fromkeys((one.kind, one.source) for one in found):
                same = [one for one in found if (one.kind, one.source) == (kind, source)]
                console.print(f"  {kind}, {source}: {len(same):,}", highlight=False)
                for one in same[:most]:
                    console.print(f"    {one.text}", soft_wrap=True, markup=False, highlight=False)
                if most is not None and len(same) > most:
                    rest = f"    ... and {len(same) - most:,} more (--all shows them)"
                    console.print(rest, highlight=False)
        counts = ", ".join(counted(len(self.of(severity)), severity) for severity in SEVERITIES)
        console.print(f"\n{counts}", highlight=False)
        if self.commands:
            one_of = ", one of these" if len(self.commands) > 1 else ""
            after = " once the errors above are put right" if self.breaks else ""
            console.print(f"\nto train on them{after}{one_of}:", highlight=False)
        for text, meaning in self.commands:
            remark = f"  # {meaning}\n" if meaning else ""
            console.print(f"{remark}  {text}", soft_wrap=True, markup=False, highlight=False)
