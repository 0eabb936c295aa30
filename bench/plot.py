"""Bar chart of products per second by work and peer, as SVG."""

from collections.abc import Iterator
from html import escape

from bench.measurement import Line

_WIDTH, _LEFT, _RIGHT, _BAR, _GAP, _TOP = 860, 190, 90, 16, 34, 20  # pixels
_COLOURS = {"integrahub": "#0f766e", "baseline": "#94a3b8"}
_OTHERS = "#d6b98c"
_STYLE = "font-family:system-ui,DejaVu Sans,sans-serif;font-size:12px"
Groups = dict[str, dict[str, float]]


def group(lines: list[Line]) -> Groups:
    """Return products per second by work (the text before the colon), then by peer."""
    rates: Groups = {}
    for line in lines:
        if line.unit == "products/s" and line.ours and line.theirs and line.work.startswith("FULL"):
            bars = rates.setdefault(line.work.split(":")[0], {"integrahub": line.ours})
            bars[line.peer] = line.theirs
    return rates


def draw(lines: list[Line]) -> str:
    """Return the chart as SVG text."""
    rates = group(lines)
    most = max((rate for bars in rates.values() for rate in bars.values()), default=1.0)
    height = _TOP + sum(len(bars) * _BAR + _GAP for bars in rates.values())
    shapes = "\n".join(_shapes(rates, most))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" style="{_STYLE}" role="img" '
        f'aria-label="Products a second by work and peer">\n'
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>\n{shapes}\n</svg>\n'
    )


def _shapes(rates: Groups, most: float) -> Iterator[str]:
    down = _TOP
    for work, bars in rates.items():
        yield f'<text x="12" y="{down}" font-weight="600" fill="#0f172a">{escape(work)}, products/s</text>'
        down += 8
        for name, rate in bars.items():
            yield from _bar(name, rate, rate / most, down)
            down += _BAR
        down += _GAP - 8


def _bar(name: str, rate: float, share: float, down: int) -> Iterator[str]:
    width = round(share * (_WIDTH - _LEFT - _RIGHT), 1)
    colour, middle = _COLOURS.get(name.split(",")[0], _OTHERS), down + _BAR - 4
    yield f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end" fill="#334155">{escape(name)}</text>'
    yield f'<rect x="{_LEFT}" y="{down + 2}" width="{width}" height="{_BAR - 4}" rx="2" fill="{colour}"/>'
    yield f'<text x="{_LEFT + width + 6}" y="{middle}" fill="#334155">{rate:,.0f}</text>'
