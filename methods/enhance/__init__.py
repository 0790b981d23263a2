"""Restoration in the same size before a detector: dehazing, underwater enhancement, contrast, and networks."""
