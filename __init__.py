"""lqbench: train, run and compare object detectors on low-quality images, fairly."""

__version__ = "0.1.0"
