"""What the scripts that write docs/performance.md share: replacing a section, and naming the machine."""

from __future__ import annotations

import platform
import re
from pathlib import Path

OUT = Path(__file__).resolve().parents[1] / "docs" / "performance.md"


def put(heading: str, text: str, path: Path = OUT) -> None:
    """Replace the section of a heading ("## ...") by a text that begins with it, or add it at the end of the page."""
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    place = re.compile(rf"^{re.escape(heading)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    section = text.rstrip() + "\n\n"
    page = place.sub(lambda _: section, page) if place.search(page) else f"{page.rstrip()}\n\n{section}"
    path.write_text(page.rstrip() + "\n", encoding="utf-8")


def cpu() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def torch_version() -> str:
    """Return torch's version."""
    import torch

    return torch.__version__
