"""Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import re

from ackd.report.model import Cell, Report, Table

__all__ = ["table_csv", "to_latex", "to_markdown"]

LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "±": r"$\pm$", "→": r"$\to$", "Δ": r"$\Delta$",
    "λ": r"$\lambda$", "γ": r"$\gamma$", "μ": r"$\mu$", "−": r"$-$", "†": r"$^\dagger$",
    "✓": r"\checkmark{}", "✗": r"$\times$", "–": "--", "·": r"$\cdot$",
    "²": r"$^2$", "‡": r"$^\ddagger$", "|": r"\textbar{}",
}  # fmt: skip

# As wide as it is, or as the line where that is less.
FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"


def to_markdown(report: Report) -> str:
    """All tables as GitHub's Markdown; figures are in the page alone."""
    parts = [f"# {_md(report.title)}", *map(_md, report.text)]
    parts.append("\n".join(f"- {name}: {_md(value)}" for name, value in report.facts))
    for section in report.sections:
        parts.append(f"## {_md(section.title)}")
        if section.mark:
            parts.append(f"> **{_md(section.mark)}**")
        parts += map(_md, section.text)
        for table in section.tables:
            parts += [f"### {_md(table.title)}", _markdown_table(table), *map(_md, table.notes)]
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    rule = ["---" if i in table.words else "---:" for i in range(len(table.columns))]
    lines = [[_md(head) for head in table.columns], rule]
    for row in table.rows:
        texts = [f"**{_md(c.text)}**" if c.best else _md(c.text) for c in row.cells]
        lines.append([f"*{text}*" if row.published and text else text for text in texts])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _md(text: str) -> str:
    """Keep what Markdown or a browser would read as markup from being read as such."""
    flat = " ".join(text.split())
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", flat).replace("<", "&lt;").replace(">", "&gt;")


def to_latex(report: Report) -> str:
    """All tables for a paper: ``booktabs`` in ``table`` environments, to be included with input."""
    parts = [
        "% Needs \\usepackage{booktabs,amssymb,graphicx}; include it with \\input. Names in other "
        "scripts than Latin\n% need XeLaTeX or LuaLaTeX and a font that has them.",
    ]
    for section in report.sections:
        for table in section.tables:
            parts.append(_latex_table(table, section.title, section.mark))
    return "\n\n".join(parts) + "\n"


def _latex_table(table: Table, section: str, mark: str) -> str:
    columns = "".join("l" if i in table.words else "r" for i in range(len(table.columns)))
    caption = [f"{table.title} ({section})", mark, *table.notes]
    rows = []
    for row in table.rows:
        texts = [rf"\textbf{{{_tex(c.text)}}}" if c.best else _tex(c.text) for c in row.cells]
        if row.published:
            texts = [rf"\textit{{{text}}}" if text else "" for text in texts]
        rows.append(" & ".join(texts) + r" \\")
    return "\n".join(
        (
            r"\begin{table}", r"\centering",
            rf"\caption{{{_tex('. '.join(part.rstrip('.') for part in caption if part))}.}}",
            rf"\label{{tab:{table.name}}}", FIT, rf"\begin{{tabular}}{{{columns}}}", r"\toprule",
            " & ".join(_tex(head) for head in table.columns) + r" \\", r"\midrule", *rows,
            r"\bottomrule", r"\end{tabular}%", "}", r"\end{table}",
        )
    )  # fmt: skip


def _tex(text: str) -> str:
    return "".join(LATEX.get(sign, sign) for sign in " ".join(text.split()))


def table_csv(table: Table) -> str:
    """One table with full precision; a spread has a column of its own."""
    spreads = [
        any(row.cells[i].sd is not None for row in table.rows) for i in range(len(table.columns))
    ]
    head = [
        name
        for title, spread in zip(table.columns, spreads, strict=True)
        for name in ([title, f"{title} sd"] if spread else [title])
    ]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*head, "source"])
    for row in table.rows:
        line: list[str] = []
        for cell, spread in zip(row.cells, spreads, strict=True):
            line.append(_plain(cell))
            if spread:
                line.append("" if cell.sd is None else f"{cell.sd:.8g}")
        writer.writerow([*line, "published" if row.published else "measured"])
    return file.getvalue()


def _plain(cell: Cell) -> str:
    if cell.value is not None:
        return f"{cell.value:.8g}"
    return "" if cell.text == "–" else cell.text
