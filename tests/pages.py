"""Whether HTML can be read on a light and on a dark page, and on a narrow one: contrasts, boxes that scroll, labels of
pictures."""

import math
import re
from html.parser import HTMLParser
from itertools import combinations
from xml.etree import ElementTree

# paper and ink of JupyterLab's themes
PAGES = {"light": ((255, 255, 255), (17, 17, 17)), "dark": ((17, 17, 17), (238, 238, 238))}
READABLE, VISIBLE = 4.5, 3.0  # WCAG's contrasts of text, and of lines and areas
VOID = {"meta", "br", "img", "input", "hr"}


def colour(text):
    """(red, green, blue, opacity) of a colour as CSS writes it; None where it is none."""
    text = text.strip()
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return (*(int(text[i : i + 2], 16) for i in (1, 3, 5)), 1.0)
    if re.fullmatch(r"#[0-9a-fA-F]{3}", text):
        return (*(int(c * 2, 16) for c in text[1:]), 1.0)
    found = re.search(r"rgba\((\d+), ?(\d+), ?(\d+), ?([\d.]+)\)", text)
    return (*map(int, found.groups()[:3]), float(found[4])) if found else None


def over(top, below):
    """A colour on another one."""
    return tuple(t * top[3] + b * (1 - top[3]) for t, b in zip(top, below, strict=False))


def contrast(a, b):
    def light(rgb):
        parts = [(c / 255 / 12.92) if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb[:3]]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


class Page(HTMLParser):
    """Goes through HTML with the colours and the font that each piece of text has."""

    def __init__(self, theme):
        super().__init__()
        paper, ink = PAGES[theme]
        self.paper, self.ink = paper, ink
        self.stack = [("page", paper, ink, False, 1.0)]
        self.complaints, self.proportional, self.texts = [], [], 0
        self.wide, self.scrolls = [], []  # what is as wide as it is; the boxes that are open, and whether they scroll
        self.box = None

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        style = dict(part.split(":", 1) for part in (given.get("style") or "").split(";") if ":" in part)
        _, back, ink, mono, opacity = self.stack[-1]
        behind = colour(given.get("bgcolor") or style.get("background", style.get("background-color", "")))
        back = over(behind, back) if behind else back
        own = colour(style.get("color", ""))
        ink = own[:3] if own else ink
        mono = (
            mono
            or "monospace" in style.get("font-family", "")
            or given.get("font-family") == "monospace"
            or tag in ("pre", "code")
        )
        if "font-family" in style and "monospace" not in style["font-family"]:
            mono = False
        opacity *= float(style.get("opacity", 1))
        if tag == "rect" and colour(given.get("fill", "")):  # what SVG's next text stands on
            self.box = over((*colour(given["fill"])[:3], float(given.get("fill-opacity", 1))), self.paper)
        if tag == "text":
            fill = given.get("fill", "#000000")
            back, ink = self.box or self.paper, self.ink if fill == "currentColor" else colour(fill)[:3]
            if self.box is not None and "g" not in [t for t, *_ in self.stack] and fill == "currentColor":
                back = self.paper
        if tag in ("line", "path", "circle") or (tag == "rect" and given.get("stroke")):
            for what in ("stroke", "fill"):
                seen = colour(given.get(what, ""))
                if seen and tag != "rect" and contrast(seen, self.paper) < VISIBLE:
                    self.complaints.append(f"{tag} {what} {given[what]} is not seen")
        scrolls = any("auto" in style.get(name, "") for name in ("overflow", "overflow-x"))
        fixed = tag in ("table", "pre") or (tag == "svg" and given.get("width") != "100%")
        if fixed and not scrolls and not any(self.scrolls):
            self.wide.append(f"{tag} {given.get('style')}")
        if tag not in VOID:
            self.scrolls.append(scrolls)
            self.stack.append((tag, back, ink, mono, opacity))

    def handle_endtag(self, tag):
        while len(self.stack) > 1 and self.scrolls.pop() is not None and self.stack.pop()[0] != tag:
            pass

    def handle_data(self, data):
        tag, back, ink, mono, opacity = self.stack[-1]
        if not data.strip() or tag in ("style", "script", "title"):
            return
        self.texts += 1
        if not mono:
            self.proportional.append(data)
        seen = over((*ink, opacity), back)
        if contrast(seen, back) < READABLE and "\u25a0" not in data:  # a square of a legend is an area
            self.complaints.append(f"{data[:40]!r} in {tag}: {contrast(seen, back):.1f}")


def read(text, theme):
    """The page of a piece of HTML as it is on a theme."""
    page = Page(theme)
    page.feed(text)
    assert page.texts
    return page


def drawings(text):
    """The pictures of a page."""
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


def words(svg):
    """(text, its four corners) of each text of a picture: a monospaced font, level or turned about where it begins."""
    found = []
    for e in svg.iter():
        if not e.tag.endswith("text") or not (e.text or "").strip():
            continue
        size, x, y = (float(e.get(name)) for name in ("font-size", "x", "y"))
        wide = 0.6 * size * len(e.text)
        left = -{"start": 0, "middle": wide / 2, "end": wide}[e.get("text-anchor", "start")]
        turned = re.match(r"rotate\((-?[\d.]+)", e.get("transform", ""))
        angle = math.radians(float(turned[1])) if turned else 0.0
        box = [(left, -0.7 * size), (left + wide, -0.7 * size), (left + wide, 0), (left, 0)]
        sine, cosine = math.sin(angle), math.cos(angle)
        found.append((e.text, [(x + u * cosine - v * sine, y + u * sine + v * cosine) for u, v in box]))
    return found


def apart(a, b):
    """Whether a line can be drawn between two convex shapes."""
    for shape in (a, b):
        for (x0, y0), (x1, y1) in zip(shape, shape[1:] + shape[:1], strict=True):
            sides = [[(x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) for x, y in points] for points in (a, b)]
            if max(sides[0]) <= min(sides[1]) + 1e-6 or max(sides[1]) <= min(sides[0]) + 1e-6:
                return True
    return False


def overlaps(labels):
    """Pairs of labels that lie over each other."""
    return [(a, b) for (a, first), (b, second) in combinations(labels, 2) if not apart(first, second)]
