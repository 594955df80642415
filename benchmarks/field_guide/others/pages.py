"""Web pages to take screenshots of: articles, tables, forms, code, dashboards, galleries, chats, title pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Rng = np.random.Generator
TEXT = (
    "the river meadow survey found species along transect under old oaks where light falls between stems and wings of "
    "small birds near water a report lists names dates counts method results table figure station north valley moth "
    "petal cap gill scale feather larva nectar pollen habitat season change model data error value measure"
)
WORDS = TEXT.split()
FONTS = ("Georgia, 'DejaVu Serif', serif", "Arial, 'DejaVu Sans', sans-serif", "'DejaVu Sans Mono', monospace")
ACCENTS = ("#c2410c", "#15803d", "#1d4ed8", "#7e22ce", "#be123c", "#b45309", "#0f766e")
LIGHT = (("#ffffff", "#1f2937"), ("#faf5e6", "#3b2f20"), ("#eef6ee", "#1c3324"), ("#f1f5f9", "#0f172a"))
DARK = (("#0f172a", "#e2e8f0"), ("#1b1b1b", "#dddddd"), ("#12261a", "#d5e8d8"))


@dataclass(frozen=True, slots=True)
class Theme:
    """CSS values of one page."""

    ground: str
    text: str
    accent: str
    second: str
    font: str
    base: int


def page(kind: int, rng: Rng) -> str:
    """A whole HTML document; `kind` counts through KINDS, over and over."""
    grounds = DARK if rng.random() < 0.35 else LIGHT
    ground, text = grounds[rng.integers(len(grounds))]
    accent, second = (str(colour) for colour in rng.choice(ACCENTS, 2, replace=False))
    theme = Theme(ground, text, accent, second, FONTS[rng.integers(len(FONTS))], int(rng.integers(12, 19)))
    style = (
        f"*{{box-sizing:border-box}}body{{margin:0;padding:24px;background:{ground};color:{text};"
        f"font:{theme.base}px/1.5 {theme.font}}}a,h1{{color:{accent}}}td,th{{padding:4px 10px;border:1px solid #8886}}"
        f"button{{background:{accent};color:#fff;border:0;padding:8px 16px;border-radius:6px}}"
        ".card{border:1px solid #8886;border-radius:10px;padding:14px;display:inline-block;margin:6px;vertical-align:top}"
    )
    return f"<!doctype html><meta charset=utf-8><style>{style}</style><body>{KINDS[kind % len(KINDS)](theme, rng)}"


def words(rng: Rng, n: int) -> str:
    return " ".join(str(word) for word in rng.choice(WORDS, n)).capitalize()


def paragraphs(rng: Rng, n: int) -> str:
    return "".join(f"<p>{words(rng, int(rng.integers(25, 80)))}. <a href=#>{words(rng, 2)}</a>.</p>" for _ in range(n))


def article(theme: Theme, rng: Rng) -> str:
    figure = (
        f"<div style='float:right;margin:0 0 12px 18px'>{plant(theme, rng, 180)}</div>" if rng.random() < 0.6 else ""
    )
    return f"<h1>{words(rng, 5)}</h1>{figure}{paragraphs(rng, 3)}<h2>{words(rng, 3)}</h2>{paragraphs(rng, 3)}"


def table(theme: Theme, rng: Rng) -> str:
    columns = int(rng.integers(3, 7))
    head = "".join(f"<th style='background:{theme.accent};color:#fff'>{words(rng, 1)}</th>" for _ in range(columns))
    rows = "".join(
        f"<tr style='background:{'#8882' if r % 2 else 'none'}'><td>{words(rng, 2)}</td>"
        + "".join(f"<td>{rng.gamma(2, 40):.2f}</td>" for _ in range(columns - 1))
        + "</tr>"
        for r in range(24)
    )
    return f"<h2>{words(rng, 3)}</h2><table style='border-collapse:collapse;width:100%'><tr>{head}</tr>{rows}</table>"


def form(theme: Theme, rng: Rng) -> str:
    field = "<p><label>{}<br><input style='width:80%;padding:8px' value='{}'></label></p>"
    fields = "".join(field.format(words(rng, 2), words(rng, int(rng.integers(1, 4)))) for _ in range(5))
    boxes = "".join(
        f"<p><input type=checkbox {'checked' if rng.random() < 0.5 else ''}> {words(rng, 4)}" for _ in range(3)
    )
    return f"<h1>{words(rng, 3)}</h1>{fields}{boxes}<p><textarea rows=4 style='width:80%'></textarea><p><button>Save</button>"


def code(theme: Theme, rng: Rng) -> str:
    def line(k: int) -> str:
        name, call, text = (words(rng, 1).lower() for _ in range(3))
        said = f"<span style='color:{theme.second}'>'{text}'</span>"
        indent = "    " * int(rng.integers(0, 3))
        return f"<i style='opacity:.5'>{k:3}</i> {indent}<b style='color:{theme.accent}'>{name}</b> = {call}({said})"

    return f"<pre style='font:{theme.base}px/1.4 monospace'>" + "\n".join(line(k) for k in range(1, 50)) + "</pre>"


def dashboard(theme: Theme, rng: Rng) -> str:
    def card() -> str:
        bars = "".join(
            f"<rect x={x * 22} y={100 - h:.0f} width=16 height={h:.0f} fill='{theme.accent}'/>"
            for x, h in enumerate(rng.uniform(15, 95, 9))
        )
        wave = " ".join(f"{x * 24},{y:.0f}" for x, y in enumerate(rng.uniform(10, 90, 9)))
        line = f"<polyline points='{wave}' fill=none stroke='{theme.second}' stroke-width=4 />"
        tint = f"background:linear-gradient({rng.integers(360)}deg,{theme.accent}55,{theme.second}33)"
        body = f"<svg width=200 height=100>{bars if rng.random() < 0.5 else line}</svg>"
        return f"<div class=card style='{tint}'><b>{words(rng, 2)}</b><h2>{rng.integers(10, 9999):,}</h2>{body}</div>"

    return f"<h1>{words(rng, 2)}</h1>" + "".join(card() for _ in range(9))


def plant(theme: Theme, rng: Rng, size: int) -> str:
    """A flower as inline SVG: such images stand in pages too."""
    petals = int(rng.integers(5, 9))
    turned = [
        f"<ellipse cx=50 cy=22 rx=10 ry=18 transform='rotate({360 / petals * k:.0f} 50 42)'/>" for k in range(petals)
    ]
    stem = "<path d='M50 45V100' stroke='#15803d' stroke-width=4 />"
    ground = f"<rect width=100 height=100 fill='{theme.second}' opacity=.25 />{stem}"
    flower = f"<g fill='{theme.accent}'>{''.join(turned)}</g><circle cx=50 cy=42 r=9 fill='#facc15'/>"
    return f"<svg viewBox='0 0 100 100' width={size} height={size}>{ground}{flower}</svg>"


def gallery(theme: Theme, rng: Rng) -> str:
    size = int(rng.choice([110, 160, 240]))
    cards = "".join(f"<div class=card>{plant(theme, rng, size)}<br>{words(rng, 2)}</div>" for _ in range(12))
    return f"<h1>{words(rng, 3)}</h1>{cards}"


def chat(theme: Theme, rng: Rng) -> str:
    def bubble(mine: bool) -> str:
        colour, side = (theme.accent, "right") if mine else (theme.second, "left")
        said = f"background:{colour};color:#fff;padding:8px 14px;border-radius:16px;max-width:70%;display:inline-block"
        text = words(rng, int(rng.integers(2, 18)))
        return f"<div style='text-align:{side};margin:8px'><span style='{said}'>{text}</span></div>"

    return "".join(bubble(rng.random() < 0.5) for _ in range(16))


def title_page(theme: Theme, rng: Rng) -> str:
    ground = f"background:linear-gradient({rng.integers(360)}deg,{theme.accent},{theme.second})"
    hero = f"{ground};color:#fff;padding:12% 8%;margin:-24px"
    return (
        f"<div style='{hero}'><h1 style='color:#fff;font-size:2.6em'>{words(rng, 4)}</h1><p>{words(rng, 14)}</p>"
        f"<button>{words(rng, 2)}</button></div><div style='padding-top:60px'>{plant(theme, rng, 140)}{paragraphs(rng, 2)}</div>"
    )


KINDS: tuple[Callable[[Theme, Rng], str], ...] = (article, table, dashboard, form, code, gallery, chat, title_page)
