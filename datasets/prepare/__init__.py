"""Datasets on disk: fetched, converted, degraded once and stored, verified and shown; only on request."""
