"""Parts of a section as HTML. Every text is escaped here, and nowhere else."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from typing import Any

from zennas.common.text import printable, printable_lines
from zennas.pages.charts import Chart
from zennas.pages.drawing import Networks
from zennas.pages.embed import Embedded
from zennas.pages.mathml import mathml
from zennas.pages.parts import (
    Bars,
    Beside,
    Code,
    Diagram,
    Facts,
    Figures,
    Formula,
    Matrix,
    Note,
    Part,
    Ranges,
    Table,
    Text,
)
from zennas.pages.trees import drawn


def _scrolling(what: str) -> str:
    """The beginning of a place that scrolls sideways where it has no room; the focus lets the keyboard scroll it."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{what}">'


_SCROLL = _scrolling("Table")
_WIDE = 42
"""Characters of a fact from which on it has a line of its own."""
_DENSE = 9
"""Columns above which a table is printed in smaller type."""
_WORDY = 14
"""Characters of the longest word of a heading from which on a line may end within a word."""
_LONG = 32
"""Characters of the name of a row from which on it may have several lines."""


def escaped(text: str) -> str:
    """Return a text for HTML, also inside attributes, with control characters as escapes."""
    return html.escape(printable(text), quote=True)


def markup(part: Part, data: Embedded) -> str:
    """Return the HTML of a part. data: receives what the scripts draw."""
    return _MARKUPS[type(part)](part, data)


def _text(part: Text, data: Embedded) -> str:
    kind = ' class="lead"' if part.lead else ' class="quiet"' if part.quiet else ""
    return f"<p{kind}>{escaped(part.text)}</p>"


def _note(part: Note, data: Embedded) -> str:
    code = "" if part.code is None else f"<code>{_words(printable(part.code))}</code>"
    return f'<p class="note" role="note">{escaped(part.text)}{code}</p>'


def _words(command: str) -> str:
    """A command whose lines break between words only, as far as these fit, not behind the hyphens of options."""
    return " ".join(f'<span class="word">{html.escape(word, quote=True)}</span>' for word in command.split(" "))


def _figures(part: Figures, data: Embedded) -> str:
    found = []
    for one in part.figures:
        unit = f' <span class="unit">{escaped(one.unit)}</span>' if one.unit else ""
        more = f'<span class="more">{escaped(one.more)}</span>' if one.more else ""
        found.append(f"<div><dt>{escaped(one.name)}</dt><dd><b>{escaped(one.value)}</b>{unit}{more}</dd></div>")
    return f'<dl class="figures">{"".join(found)}</dl>'


def _facts(part: Facts, data: Embedded) -> str:
    rows = "".join(
        f"<div{' class=wide' if len(value) > _WIDE else ''}><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>"
        for name, value in part.rows
    )
    return f'<dl class="facts">{rows}</dl>'


def _table(part: Table, data: Embedded) -> str:
    def cells(texts: Iterable[str], tag: str) -> str:
        found = []
        for i, text in enumerate(texts):
            scope = ' scope="col"' if tag == "th" else ""
            name, kind = ("th", ' scope="row"') if i == 0 and tag == "td" else (tag, scope)
            wordy = tag == "th" and max(map(len, text.split()), default=0) > _WORDY
            kinds = " ".join(filter(None, ("right" if i in part.right else "", "wordy" if wordy else "")))
            classes = f' class="{kinds}"' if kinds else ""
            found.append(f"<{name}{kind}{classes}>{escaped(text)}</{name}>")
        return f"<tr>{''.join(found)}</tr>"

    rows = "".join(cells(row, "td") for row in part.rows)
    head = cells(part.columns, "th")
    long = any(len(row[0]) > _LONG for row in part.rows)
    kinds = " ".join(filter(None, ("long" if long else "", "dense" if len(part.columns) > _DENSE else "")))
    classes = f' class="{kinds}"' if kinds else ""
    return f"{_SCROLL}<table{classes}><thead>{head}</thead><tbody>{rows}</tbody></table></div>"


def _code(part: Code, data: Embedded) -> str:
    lines = printable_lines(part.text.rstrip("\n"))
    text = html.escape(lines, quote=True) if part.folded else "\n".join(map(_words, lines.split("\n")))
    shown = f'<pre tabindex="0"><code>{text}</code></pre>'
    if part.folded:
        return f"<details><summary>{escaped(part.title)}</summary>{shown}</details>"
    return f'<p class="label">{escaped(part.title)}</p>{shown}' if part.title else shown


def _ranges(part: Ranges, data: Embedded) -> str:
    span = part.high - part.low or 1.0

    def place(value: float) -> str:
        return f"{min(100.0, max(0.0, 100 * (value - part.low) / span)):.2f}%"

    rows = "".join(
        f'<tr{"" if one.strong else " class=quiet"}><th scope="row">{escaped(one.name)}</th>'
        f'<td class="range" style="--low:{place(one.low)};--high:{place(one.high)};--at:{place(one.value)};'
        f'--zero:{place(0.0)}"><i></i><b></b></td><td class="right">{escaped(one.text)}</td></tr>'
        for one in part.ranges
    )
    caption = f"<caption>{escaped(part.label)}</caption>"
    return f'<table class="ranges">{caption}<tbody>{rows}</tbody></table>'


def _bars(part: Bars, data: Embedded) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escaped(one.name)}</th><td class="bar" '
        f'style="--share:{min(100.0, max(0.0, 100 * one.share)):.2f}%"><i></i></td>'
        f'<td class="right">{escaped(one.text)}</td></tr>'
        for one in part.bars
    )
    return f'<table class="ranges"><caption>{escaped(part.label)}</caption><tbody>{rows}</tbody></table>'


def _matrix(part: Matrix, data: Embedded) -> str:
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in part.classes)
    rows = []
    for i, (name, counts) in enumerate(zip(part.classes, part.counts, strict=True)):
        total = sum(counts) or 1
        cells = "".join(
            f'<td class="{"right-one" if i == j else "wrong-one" if count else "none"}" '
            f'style="--share:{count / total:.3f}" title="{count} of {total} images of {escaped(name)} are taken for '
            f'{escaped(part.classes[j])}">{count or ""}</td>'
            for j, count in enumerate(counts)
        )
        rows.append(f'<tr><th scope="row">{escaped(name)}</th>{cells}</tr>')
    label = "Test images: rows are their classes, columns the answers of the network"
    head = f"<thead><tr><td></td>{head}</tr></thead>"
    table = f'<table class="matrix" aria-label="{label}">{head}<tbody>{"".join(rows)}</tbody></table>'
    return f'<p class="label">{label}</p>{_SCROLL}{table}</div>'


def _chart(part: Chart, data: Embedded) -> str:
    return f'<figure class="chart" data-part="{data.add(part)}"><figcaption>{escaped(part.label)}</figcaption></figure>'


def _beside(part: Beside, data: Embedded) -> str:
    return f'<div class="beside">{"".join(_chart(one, data) for one in part.charts)}</div>'


def _networks(part: Networks, data: Embedded) -> str:
    return f'<div class="networks" data-part="{data.add(part)}"></div>'


def _formula(part: Formula, data: Embedded) -> str:
    return f"{_scrolling('Formula')}{mathml(part.expression, escaped)}</div>"


def _diagram(part: Diagram, data: Embedded) -> str:
    svg = drawn(part.expression, part.label, escaped)
    return f'<p class="label">{escaped(part.label)}</p>{_scrolling("Drawing")}{svg}</div>'


_MARKUPS: dict[type, Callable[[Any, Embedded], str]] = {
    Text: _text,
    Note: _note,
    Figures: _figures,
    Facts: _facts,
    Table: _table,
    Code: _code,
    Ranges: _ranges,
    Bars: _bars,
    Matrix: _matrix,
    Chart: _chart,
    Networks: _networks,
    Beside: _beside,
    Formula: _formula,
    Diagram: _diagram,
}
