"""Detectors that a method can put behind its restoration step."""
