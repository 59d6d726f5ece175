"""Pictures of numbers as SVG that stands in the page itself: nothing is fetched, nothing runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from tasks.texts import t

WIDTH, HEIGHT = 720, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 14, 24


@dataclass(frozen=True, slots=True)
class Frame:
    """From (day, percent) to places on the picture."""

    first: float
    last: float
    top: float

    def x(self, day: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (day - self.first) / max(self.last - self.first, 1.0)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(max(value, 0.0), self.top) / self.top

    def path(self, points: Iterable[tuple[float, float]]) -> str:
        return " ".join(f"{self.x(day):.1f},{self.y(value):.1f}" for day, value in points)


def filling(points: Sequence[tuple[float, float]], level: float, days: float, low: float, high: float) -> str:
    """How full something was by day, and between which days it will be full. Days count as ordinals."""
    now = points[-1][0]
    frame = Frame(points[0][0], now + high, max(100.0, *(value for _, value in points)))
    cone = [(now, level), (now + low, 100.0), (now + high, 100.0)]
    marks = (points[0][0], now, now + days)
    body = [
        *(rule(frame, percent) for percent in (0, 50, 100)),
        f'<polygon points="{frame.path(cone)}" fill="#cf222e" fill-opacity=".15"/>',
        f'<polyline points="{frame.path([(now, level), (now + days, 100.0)])}" fill="none" '
        'stroke="#cf222e" stroke-dasharray="5 4" stroke-width="1.5"/>',
        f'<polyline points="{frame.path(points)}" fill="none" stroke="#0969da" stroke-width="1.5"/>',
        *(mark(frame, day) for day in spaced(frame, marks)),
    ]
    label = escape(t("trends.chart_label", days=f"{days:.0f}", low=f"{low:.0f}", high=f"{high:.0f}"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'style="width:100%;max-width:{WIDTH}px;font-size:11px"><title>{label}</title>{"".join(body)}</svg>'
    )


def rule(frame: Frame, percent: float) -> str:
    y = frame.y(percent)
    colour = "#cf222e" if percent == 100 else "#d0d7de"
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#59636e">{percent}%</text>'
    )


def mark(frame: Frame, day: float) -> str:
    x = frame.x(day)
    anchor = "start" if x < LEFT + 40 else "end" if x > WIDTH - RIGHT - 40 else "middle"
    foot = HEIGHT - BOTTOM
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{foot}" y2="{foot + 5}" stroke="#59636e"/>'
        f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}" fill="#59636e">'
        f"{date.fromordinal(int(day))}</text>"
    )


def spaced(frame: Frame, days: Sequence[float]) -> list[float]:
    """Those whose dates do not run into each other."""
    kept: list[float] = []
    for day in days:
        if not kept or frame.x(day) - frame.x(kept[-1]) > 90:
            kept.append(day)
    return kept
