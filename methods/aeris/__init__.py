"""AERIS: resolution and degradation clues as self-supervised signal (Cui et al., ECCV 2022, arXiv 2208.03062)."""
