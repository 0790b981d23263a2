"""The report's figures, by matplotlib, which is imported only when one is drawn.

One module a kind: ``sweep``, ``pareto``, ``quality``, ``recovered``, ``classes``, ``tide``, ``ranks``. Figures are
drawn from records and what was computed from them; nothing is measured or scored here.
"""

from __future__ import annotations

from .catalog import all_figures
from .file import FORMATS, FigureFile

__all__ = ["FORMATS", "FigureFile", "all_figures"]
