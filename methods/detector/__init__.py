"""The project's own small detector: network, targets, training recipe and bundled weights."""
