"""A page: one HTML file with everything inside."""

from __future__ import annotations

from html import escape

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf8; --ink: #1c1b1a; --soft: #6b6762; --rule: #dedad4; --panel: #f2f0ec;
  --accent-0: #c2410c; --accent-1: #0f6e84; --accent-2: #6d4aa8;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", Georgia, serif; }
@media (prefers-color-scheme: dark) { :root { --paper: #161514; --ink: #ece8e2; --soft: #a29c94; --rule: #36332f; --panel: #1f1d1b;
  --accent-0: #fb923c; --accent-1: #4cc3dc; --accent-2: #b79cf0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.6 var(--sans); -webkit-font-smoothing: antialiased; }
main { max-width: 1160px; margin: 0 auto; padding: 0 28px 96px; }
header { padding: 72px 0 24px; }
h1, h2 { font-family: var(--serif); font-weight: 500; letter-spacing: -0.012em; line-height: 1.12; margin: 0; text-wrap: balance; }
h1 { font-size: clamp(38px, 6vw, 66px); }
h2 { font-size: 36px; margin: 0 0 10px; }
h3 { font-size: 17px; font-weight: 600; margin: 0 0 2px; }
section { padding: 64px 0 0; }
p { max-width: 68ch; margin: 0 0 14px; text-wrap: pretty; }
.lead { font-size: 20px; color: var(--soft); margin-top: 18px; }
.soft, figcaption, small { color: var(--soft); }
figure { margin: 22px 0 0; }
figcaption { font-size: 14.5px; line-height: 1.5; margin-top: 9px; }
img { display: block; width: 100%; height: auto; background: var(--panel); }
.pixels { image-rendering: pixelated; }
.compare { position: relative; --at: 50%; overflow: hidden; border-radius: 3px; width: min(100%, calc(94vh * var(--ratio))); }
.compare .over { position: absolute; inset: 0; clip-path: inset(0 calc(100% - var(--at)) 0 0); }
.compare .line { position: absolute; top: 0; bottom: 0; left: var(--at); width: 2px; margin-left: -1px; background: #fff; opacity: .85; }
.compare .tag { position: absolute; bottom: 12px; padding: 2px 10px; border-radius: 99px; background: #000a; color: #fff; font-size: 13px; }
.compare .tag:first-of-type { left: 12px; } .compare .tag:last-of-type { right: 12px; }
.compare input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize; }
.compare:focus-within { outline: 2px solid var(--accent-0); outline-offset: 2px; }
.row { display: grid; gap: 18px; grid-template-columns: repeat(auto-fit, minmax(0, 1fr)); grid-auto-flow: column; }
.row figure { margin-top: 18px; }
.numbers { margin-top: 34px; padding: 22px 26px 18px; background: var(--panel); border-radius: 6px; }
.plot { width: 100%; height: auto; display: block; margin-top: 10px; }
.table { overflow-x: auto; margin-top: 18px; }
table { border-collapse: collapse; width: 100%; font-size: 15px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: 7px 16px 7px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
td.figure, th.figure { text-align: right; }
.mark { font-size: 12.5px; padding: 0 8px; border: 1px solid var(--rule); border-radius: 99px; color: var(--soft); white-space: nowrap; }
.mark.measured { color: var(--accent-1); border-color: currentColor; } .mark.assumed { border-style: dashed; }
code { font: 14.5px ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
a { color: var(--accent-0); text-underline-offset: 3px; }
footer { margin-top: 72px; padding-top: 20px; border-top: 1px solid var(--rule); font-size: 15px; color: var(--soft); }
@media (max-width: 720px) { .row { grid-auto-flow: row; } main { padding: 0 16px 64px; } header { padding-top: 40px; }
  .numbers { padding: 14px; } }
"""

SCRIPT = """
for (const slider of document.querySelectorAll(".compare input"))
  slider.addEventListener("input", () => slider.parentElement.style.setProperty("--at", slider.value + "%"));
"""


def page(title: str, body: str) -> str:
    """The whole document."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
    top = f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>'
    return f"{top}\n<body><main>{body}</main><script>{SCRIPT}</script></body></html>\n"


def section(title: str, *parts: str) -> str:
    """A titled part of the page."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def paragraph(text: str, kind: str = "") -> str:
    """Plain words."""
    return f"<p{f' class={kind}' if kind else ''}>{escape(text)}</p>"


def compare(left: str, right: str, words: tuple[str, str], caption: str, ratio: float) -> str:
    """Two pictures of the same size on one another, with a line between them that can be dragged.

    left, right   data URIs
    words         what they are
    ratio         width over height: the whole picture fits into a window
    """
    first, second = map(escape, words)
    return (
        f'<figure><div class="compare" style="--ratio: {ratio:.3f}">'
        f'<img src="{right}" alt="{second}"><img class="over" src="{left}" alt="{first}">'
        f'<div class="line"></div>'
        f'<span class="tag">{first}</span><span class="tag">{second}</span>'
        f'<input type="range" min="0" max="100" value="50" step="0.1" aria-label="{first} or {second}"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def picture(source: str, title: str, caption: str = "", pixels: bool = False) -> str:
    """One picture with its words below; `pixels`: sensor pixels are kept square when it is enlarged."""
    kind = ' class="pixels"' if pixels else ""
    words = f"<h3>{escape(title)}</h3>" if title else ""
    return f'<figure><img{kind} src="{source}" alt="{escape(title)}"><figcaption>{words}{escape(caption)}</figcaption></figure>'


def row(*figures: str) -> str:
    """Figures side by side."""
    return f'<div class="row">{"".join(figures)}</div>'


def numbers(title: str, *parts: str) -> str:
    """A panel of plots and figures."""
    return f'<div class="numbers"><h3>{escape(title)}</h3>{"".join(parts)}</div>'


def table(heads: list[str], rows: list[list[str]], figures: tuple[int, ...] = ()) -> str:
    """A table; cells are HTML. Columns numbered in `figures` are set to the right."""

    def cells(values: list[str], tag: str) -> str:
        return "".join(f"<{tag}{' class=figure' if i in figures else ''}>{value}</{tag}>" for i, value in enumerate(values))

    body = "".join(f"<tr>{cells(values, 'td')}</tr>" for values in rows)
    return f'<div class="table"><table><thead><tr>{cells([escape(h) for h in heads], "th")}</tr></thead><tbody>{body}</tbody></table></div>'


def mark(status: str, source: str = "") -> str:
    """A small word for measured, datasheet or assumed; the source shows when it is pointed at."""
    return f'<span class="mark {escape(status)}" title="{escape(source)}">{escape(status)}</span>'
