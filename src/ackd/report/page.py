"""One HTML page with everything in it."""

from __future__ import annotations

from typing import Any

from ackd.errors import AckdError
from ackd.report.model import Report

__all__ = ["to_html"]

WIDE = 8  # columns; tables with more are set closer


def to_html(report: Report) -> str:
    """Render the page; every text is escaped, drawings are inline, nothing is loaded.

    Raises:
        AckdError: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise AckdError(
            "The report needs Jinja2, which is not installed: pip install 'ackd[report]'"
        ) from error
    environment = Environment(
        loader=PackageLoader("ackd.report", "templates"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    content: dict[str, Any] = {"report": report, "wide": WIDE}
    return environment.get_template("page.html.j2").render(content)
