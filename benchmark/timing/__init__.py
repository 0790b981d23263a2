"""Timing: how fast a method is, measured apart from how well it detects; see docs/timing.md."""
