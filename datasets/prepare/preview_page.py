"""A contact sheet as one HTML page that needs no other file and no network."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from jinja2 import Environment
from PIL import Image

from .preview import Box, Pair, Picture

CLEAN_QUALITY = 88
"""JPEG quality of clean pictures; degraded ones are embedded without loss."""

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ heading }}</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #1a1a1a; background: #fafafa; }
h1 { font-size: 1.2rem; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 46rem), 1fr)); gap: 1.5rem; }
figure { margin: 0; }
.pair { display: grid; grid-auto-columns: 1fr; grid-auto-flow: column; gap: .3rem; }
svg { width: 100%; height: auto; display: block; background: #e1e1e1; }
image { image-rendering: pixelated; }
rect { fill: none; vector-effect: non-scaling-stroke; stroke-width: 2px; }
rect.faint { stroke-dasharray: 4 3; stroke-width: 1px; }
figcaption { overflow-wrap: anywhere; }
p { margin: .1rem 0; }
</style>
</head>
<body>
<h1>{{ heading }}</h1>
<main>
{%- for pair in pairs %}
<figure>
<div class="pair">
{%- for picture in pair.pictures %}
<div>
<svg viewBox="0 0 {{ picture.width }} {{ picture.height }}" role="img"
 aria-label="{{ picture.caption }} of {{ pair.title }}">
<image href="{{ picture.source }}" width="{{ picture.width }}" height="{{ picture.height }}"/>
{%- for box in picture.boxes %}
<rect x="{{ box.x }}" y="{{ box.y }}" width="{{ box.width }}" height="{{ box.height }}" stroke="{{ box.colour }}"
{%- if box.faint %} class="faint"{% endif %}><title>{{ box.name }}</title></rect>
{%- endfor %}
</svg>
<p>{{ picture.caption }}, {{ picture.boxes | length }} boxes</p>
</div>
{%- endfor %}
</div>
<figcaption><b>{{ pair.title }}</b> {{ pair.drawn }}</figcaption>
</figure>
{%- endfor %}
</main>
</body>
</html>
"""


def page(heading: str, pairs: Sequence[Pair]) -> bytes:
    """Return the page; every text in it is escaped, since ids and class names come from annotation files."""
    template = Environment(autoescape=True).from_string(TEMPLATE)
    shown = [
        {"title": pair.title, "drawn": pair.drawn, "pictures": [_picture(p) for p in (pair.clean, pair.degraded) if p]}
        for pair in pairs
    ]
    return template.render(heading=heading, pairs=shown).encode()


def _picture(picture: Picture) -> dict[str, object]:
    height, width = picture.pixels.shape[:2]
    return {
        "width": width,
        "height": height,
        "caption": picture.caption,
        "source": _source(picture),
        "boxes": [_box(box) for box in picture.boxes],
    }


def _box(box: Box) -> dict[str, object]:
    x1, y1, x2, y2 = box.xyxy
    sides = {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
    colour = "#" + "".join(f"{channel:02x}" for channel in box.colour)
    texts = {name: f"{value:.2f}" for name, value in sides.items()}
    return {**texts, "colour": colour, "name": box.name, "faint": box.faint}


def _source(picture: Picture) -> str:
    """Return a picture's pixels as a data address."""
    buffer = io.BytesIO()
    image = Image.fromarray(picture.pixels)
    kind = "jpeg" if picture.caption.startswith("clean") else "png"
    if kind == "jpeg":
        image.save(buffer, "JPEG", quality=CLEAN_QUALITY)
    else:
        image.save(buffer, "PNG")
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
