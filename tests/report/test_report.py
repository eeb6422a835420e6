"""The command as a user runs it, and what it does with folders that are not as they should be."""

from __future__ import annotations

import csv
import re
import warnings
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ackd.errors import DataError
from ackd.report import write_report
from ackd.report.model import Cell, Report, Row, Section, Table
from ackd.report.page import WIDE, to_html
from ackd.report.svg import draw
from ackd.report.texts import table_csv, to_latex, to_markdown
from tests.cli.running import forked
from tests.report.folders import config, make_run, three_methods

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Checks that elements are closed in order, and collects ids, links and loaded things."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        self._attributes(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._attributes(attrs)

    def _attributes(self, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            assert name not in ("src", "srcset", "onload", "onclick"), (name, value)
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "xlink:href"):
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of good, unfinished, corrupt and strange runs."""
    root = tmp_path_factory.mktemp("runs")
    three_methods(root / "sweep", seeds=2)
    make_run(root / "<script>alert(1)</script>", config(dynm__gamma=5.0), right=0.85)
    unfinished = make_run(root / "killed", config(seed=7))
    (unfinished / "result.json").unlink()
    corrupt = make_run(root / "corrupt", config(seed=8))
    (corrupt / "result.json").write_text('{"half": ')
    cut = make_run(root / "cut", config(seed=9))
    (cut / "predictions.csv").write_text("file,true,predicted,Forest\na,b")
    (cut / "metrics.csv").write_text("step,other\n1,2\n")
    future = {"schema_version": 99, "student": {"metrics": {"kappa": 0.5}}, "seconds": None}
    make_run(root / "future", config(seed=10), result=future, about={"classes": ["x"]})
    make_run(root / "teacher", config(seed=11), result={"student": None})
    done = forked("-m", "ackd.report", str(root), "--out", str(root / "out"), cwd=root)
    assert done.code == 0, done.err
    return root / "out"


def test_the_page_is_well_formed_and_stands_alone(written: Path) -> None:
    text = (written / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert all(link.startswith("#") for link in page.links)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert not page.tags & {"script", "img", "link", "iframe", "object"}
    assert not re.search(r"https?://", text)
    assert "url(" not in text.replace("url(#", "")
    for drawing in re.findall(r"<svg class=\"plot\".*?</svg>", text, flags=re.S):
        ET.fromstring(drawing)
        assert not re.search(r"#[0-9a-f]{6}", drawing), "a colour that ignores the page's scheme"


def test_names_are_escaped(written: Path) -> None:
    text = (written / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script" not in (written / "report.md").read_text(encoding="utf-8")


def test_runs_that_are_not_as_they_should_be_are_named(written: Path) -> None:
    def lines(name: str) -> dict[str, list[str]]:
        with (written / "tables" / f"{name}.csv").open(newline="") as file:
            return {line[0]: line for line in list(csv.reader(file))[1:]}

    unfinished = lines("unfinished")
    assert unfinished["killed"][1] == "unfinished"
    assert "3 of 3 student epochs" in unfinished["killed"][2]
    assert unfinished["corrupt"][1] == "cannot be read"
    problems = lines("problems")
    assert set(problems) == {
        "corrupt/result.json", "cut/predictions.csv", "cut/metrics.csv", "future/result.json",
    }  # fmt: skip
    assert "schema_version 99" in problems["future/result.json"][1]
    assert "teacher" in lines("bare")


def test_all_formats_hold_the_same_tables(written: Path) -> None:
    markdown = (written / "report.md").read_text(encoding="utf-8")
    latex = (written / "report.tex").read_text(encoding="utf-8")
    for title in ("Table 4: methods", "Table 5: with and without SemBridge", "Table 8"):
        assert title in markdown
        assert title in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}")
    names = {path.stem for path in (written / "tables").glob("*.csv")}
    assert {"d1-conditions", "d1-methods", "d1-time", "runs"} <= names


@pytest.mark.slow
def test_a_second_report_of_the_same_runs_is_the_same(tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "a", config("kd"))
    make_run(tmp_path / "runs" / "b", config("baseline"))
    for name in ("one", "two"):
        write_report(tmp_path / "runs", tmp_path / name)
    for path in (tmp_path / "one").rglob("*.*"):
        other = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == other.read_bytes(), path.name


def test_an_empty_folder_says_what_was_expected(tmp_path: Path) -> None:
    done = forked("-m", "ackd.report", str(tmp_path), cwd=tmp_path)
    assert done.code == 1
    assert done.last.startswith("ackd: There are no runs under")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="There is no folder"):
        write_report(tmp_path / "nowhere", tmp_path)


def test_cells_are_written_for_each_format() -> None:
    rows = (
        Row((Cell("a_b & <c> | d"), Cell("93.7 ± 0.2", 93.7123, 0.2345, best=True))),
        Row((Cell("published"), Cell("93.7", 93.7)), published=True),
    )
    table = Table("t", "50 % of $x_1$", ("Name", "OA %"), rows)
    report = Report("r", (), (Section("s", "S", (), (table,)),))
    assert r"a\_b \& \textless{}c\textgreater{} \textbar{} d & \textbf{93.7 $\pm$ 0.2} \\" in (
        to_latex(report)
    )
    assert r"50 \% of \$x\_1\$" in to_latex(report)
    assert r"| a\_b & &lt;c&gt; \| d | **93.7 ± 0.2** |" in to_markdown(report)
    assert "a_b &amp; &lt;c&gt; | d" in to_html(report)
    assert table_csv(table).splitlines() == [
        "Name,OA %,OA % sd,source",
        "a_b & <c> | d,93.7123,0.2345,measured",
        "published,93.7,,published",
    ]


def test_a_wide_latex_table_is_made_to_fit_the_line(written: Path) -> None:
    latex = (written / "report.tex").read_text(encoding="utf-8")
    assert "graphicx" in latex.splitlines()[0]
    tables = latex.count(r"\begin{tabular}")
    fit = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    assert latex.count(fit + "\n\\begin{tabular}") == tables
    assert latex.count("\\end{tabular}%\n}\n\\end{table}") == tables


def test_wide_tables_are_set_closer_and_can_be_scrolled(written: Path) -> None:
    page = (written / "report.html").read_text(encoding="utf-8")
    heads = re.findall("<table.*?</thead>", page, flags=re.S)
    widths = [head.count('<th scope="col"') for head in heads]
    assert page.count('<table class="wide">') == sum(width > WIDE for width in widths) > 0
    assert page.count('class="scroll"') == len(widths)


@pytest.mark.parametrize("name", ["森林", "غابة", "Лес", "𓂀"])
def test_class_names_of_any_script_are_text_and_no_warning(name: str) -> None:
    def paint(axes: Any) -> None:
        axes.set_xticks([0, 1], [name, "Sea"])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        panel = draw("Recall", paint, name="a")
    assert f">{name}</text>" in panel.svg
