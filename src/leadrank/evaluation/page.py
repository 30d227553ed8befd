"""The HTML of a report: one page with everything in it, so that it can be mailed.

Text from the CRM is escaped by `text` and only by it; whoever builds a page passes every value
through it. Figures are inline SVG whose ink and colours are CSS variables: one drawing serves
light and dark.
"""

import io
import re
from collections.abc import Sequence
from html import escape

import matplotlib
from matplotlib.figure import Figure

from leadrank.evaluation.plots import BLUE, GREEN, INK, ORANGE, PURPLE

VARIABLES = {
    INK: "var(--ink)",
    BLUE: "var(--blue)",
    ORANGE: "var(--orange)",
    GREEN: "var(--green)",
    PURPLE: "var(--purple)",
}
CSS = """
:root { color-scheme: light dark; --paper: #fdfdfc; --card: #fff; --ink: #1a1c1f;
  --quiet: #5c6168; --line: #e3e4e6; --blue: #0072b2; --orange: #d55e00; --green: #009e73;
  --purple: #b0578d; }
@media (prefers-color-scheme: dark) { :root { --paper: #14161a; --card: #1c1f24;
  --ink: #eceef0; --quiet: #a2a8b0; --line: #33373e; --blue: #5cb8f0; --orange: #ff9a4d;
  --green: #3fd0a4; --purple: #e6a3c9; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.1rem 3rem; }
h1 { font-size: 1.55rem; line-height: 1.3; margin: .2rem 0 .8rem; max-width: 46rem;
  text-wrap: balance; }
h2 { font-size: 1.1rem; margin: 0 0 .3rem; }
p { margin: .3rem 0 .8rem; max-width: 46rem; }
.quiet, caption, footer { color: var(--quiet); font-size: .88rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1.1rem 1.2rem; margin: 1.1rem 0; min-width: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr));
  gap: 0 1.1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .34rem .6rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { font-weight: 600; color: var(--quiet); font-size: .85rem; }
tbody th { color: var(--ink); font-weight: 400; font-size: 1rem; }
th.left, td.left { text-align: left; }
tr:last-child > * { border-bottom: 0; }
td small { color: var(--quiet); display: block; font-size: .78rem; line-height: 1.2; }
tr.few > * { opacity: .62; font-style: italic; }
.grade { display: inline-block; min-width: 1.5rem; text-align: center; border-radius: 5px;
  border: 1px solid var(--line); font-weight: 600; }
.grade-A { background: var(--blue); border-color: var(--blue); color: var(--card); }
.grade-B { border-color: var(--blue); color: var(--blue); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .3rem 1.2rem;
  margin: 0; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
code { font: .88em ui-monospace, Menlo, Consolas, monospace; }
svg { width: 100%; max-width: 36rem; height: auto; display: block; }
@media (max-width: 34rem) {
  main { padding: 1rem .6rem 2rem; } section { padding: .9rem .8rem; }
  h1 { font-size: 1.25rem; } th, td, tbody th { padding: .3rem .4rem; font-size: .88rem; }
  th { white-space: normal; } thead th { vertical-align: bottom; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
@media print { section { break-inside: avoid; } }
"""


def text(value: object) -> str:
    """A value as HTML text, safe inside elements and quoted attributes."""
    return escape(str(value), quote=True)


def page(title: str, body: str) -> str:
    """A whole HTML document; `title` is plain text, `body` is HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{CSS}</style></head>\n"
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def section(heading: str, note: str, content: str) -> str:
    """A card; `heading` and `note` are plain text, `content` is HTML."""
    said = f'<p class="quiet">{text(note)}</p>' if note else ""
    return f"<section><h2>{text(heading)}</h2>{said}{content}</section>"


def table(head: Sequence[str], rows: Sequence[str]) -> str:
    """A table that scrolls within its card; the first column of `head` is set left."""
    cells = "".join(
        f'<th scope="col"{" class=left" if i == 0 else ""}>{text(name)}</th>'
        for i, name in enumerate(head)
    )
    return (
        f'<div class="scroll"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def definitions(pairs: Sequence[tuple[str, str]]) -> str:
    """A list of terms and what they are here; both plain text."""
    return (
        "<dl>"
        + "".join(f"<dt>{text(k)}</dt><dd><code>{text(v)}</code></dd>" for k, v in pairs)
        + "</dl>"
    )


def inline_svg(figure: Figure, label: str) -> str:
    """A figure as an <svg> element without ids of groups, metadata or any address.

    `label` says in words what it shows. Text stays text; the same figure gives the same bytes.
    """
    buffer = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    drawn = buffer.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r' xmlns(:\w+)?="[^"]*"', "", drawn)
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn)
    drawn = drawn.replace("xlink:href", "href")
    drawn = re.sub(r"font: ([\d.]+)px '[^;\"]*", r"font: \1px system-ui, sans-serif", drawn)
    drawn = re.sub(r' (?:width|height)="[\d.]+pt"', "", drawn, count=2)
    for colour, variable in VARIABLES.items():
        drawn = drawn.replace(colour, variable)
    return drawn.replace("<svg", f'<svg role="img" aria-label="{text(label)}"', 1)
