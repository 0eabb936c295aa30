"""Charts drawn by the server as SVG: line, bars, sparkline, one stacked bar. Colours are CSS classes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH, _HEIGHT = 480, 180
_LABEL_HEIGHT = 16
_SCALE_HEIGHT, _STROKE_HEIGHT = 16, 4  # above the highest value: what it is, or half a line
_SPARK_WIDTH, _SPARK_HEIGHT = 96, 24
_GAP = 0.2  # share of a bar's slot that stays empty


@dataclass(frozen=True, slots=True)
class Series:
    """Named values, one per point of the x axis; None is a gap. `style` is a CSS class: ok, look, failed, accent."""

    name: str
    values: Sequence[float | None]
    style: str = "accent"


def line_chart(title: str, series: Sequence[Series], labels: Sequence[str], scale: str = "") -> Markup:
    """Return a line per series over a common x axis, of which the first and the last label are shown.

    `scale` is the highest value, as it is written at the top of the chart.
    """
    top = _top(value for one in series for value in one.values)
    lines = Markup("").join(
        Markup('<path class="line {}" d="{}"></path>').format(
            one.style, _path(one.values, top, _WIDTH, _HEIGHT - _LABEL_HEIGHT)
        )
        for one in series
    )
    return _frame(title, lines + _axis(labels) + _scale(scale), has_scale=bool(scale))


def bar_chart(title: str, series: Sequence[Series], labels: Sequence[str], scale: str = "") -> Markup:
    """Return one bar per label, each stacked of the series from below. `scale` is as for a line chart."""
    count = max((len(one.values) for one in series), default=0)
    heights = [[one.values[index] or 0.0 for one in series] for index in range(count)]
    top = _top(sum(parts) for parts in heights)
    slot, height = _WIDTH / max(1, count), _HEIGHT - _LABEL_HEIGHT
    bars = []
    for index, parts in enumerate(heights):
        bottom = float(height)
        for one, part in zip(series, parts, strict=True):
            length = part / top * height
            bottom -= length
            if part:
                bars.append(_rect(one.style, index * slot + slot * _GAP / 2, bottom, slot * (1 - _GAP), length))
    return _frame(title, Markup("").join(bars) + _axis(labels) + _scale(scale), has_scale=bool(scale))


def sparkline(title: str, values: Sequence[float | None], style: str = "accent") -> Markup:
    """Return a small line without axes."""
    path = _path(values, _top(values), _SPARK_WIDTH, _SPARK_HEIGHT)
    return Markup(
        '<svg class="spark" viewBox="0 -2 {} {}" width="{}" height="{}" role="img" aria-label="{}">'
        '<path class="line {}" d="{}"></path></svg>'
    ).format(_SPARK_WIDTH, _SPARK_HEIGHT + 4, _SPARK_WIDTH, _SPARK_HEIGHT, title, style, path)


def stacked_bar(title: str, parts: Sequence[tuple[str, float]]) -> Markup:
    """Return one horizontal bar of parts, each (CSS class, size), which together fill it."""
    total = sum(size for _, size in parts)
    left, rects = 0.0, []
    for style, size in parts:
        width = size / total * _WIDTH if total else 0.0
        if size:
            rects.append(_rect(style, left, 0, max(1.0, width), 16))
        left += width
    return Markup(
        '<svg class="stacked" viewBox="0 0 {} 16" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(_WIDTH, title, Markup("").join(rects))


def _frame(title: str, content: Markup, *, has_scale: bool) -> Markup:
    above = _SCALE_HEIGHT if has_scale else _STROKE_HEIGHT
    return Markup('<svg class="chart" viewBox="0 -{} {} {}" role="img" aria-label="{}">{}</svg>').format(
        above, _WIDTH, _HEIGHT + above, title, content
    )


def _axis(labels: Sequence[str]) -> Markup:
    base = _HEIGHT - _LABEL_HEIGHT
    line = Markup('<path class="axis" d="M0 {0}H{1}"></path>').format(base, _WIDTH)
    if not labels:
        return line
    text = Markup('<text class="label" x="{}" y="{}" text-anchor="{}">{}</text>')
    first = text.format(0, _HEIGHT - 2, "start", labels[0])
    return line + first + (text.format(_WIDTH, _HEIGHT - 2, "end", labels[-1]) if len(labels) > 1 else Markup(""))


def _scale(text: str) -> Markup:
    """Return the highest value of the y axis with a line, or nothing."""
    if not text:
        return Markup("")
    return Markup('<path class="axis" d="M0 0H{}"></path><text class="label" x="0" y="-4">{}</text>').format(
        _WIDTH, text
    )


def _rect(style: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="bar {}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"></rect>').format(
        style, x, y, width, height
    )


def _path(values: Sequence[float | None], top: float, width: float, height: float) -> str:
    """Return the commands of a line; after a gap the line starts again."""
    step = width / max(1, len(values) - 1)
    commands, is_drawing = [], False
    for index, value in enumerate(values):
        if value is not None:
            commands.append(f"{'L' if is_drawing else 'M'}{index * step:.1f} {height - value / top * height:.1f}")
        is_drawing = value is not None
    return "".join(commands)


def _top(values: Iterable[float | None]) -> float:
    return max((value for value in values if value), default=1.0)
