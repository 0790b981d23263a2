"""Statistics over metrics: resampling of images, intervals, tests."""
