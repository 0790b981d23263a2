"""What the numbers say: errors, robustness, calibration, ranks; pure functions over stored results, without torch."""
