"""Metrics, all computed from stored detections."""
