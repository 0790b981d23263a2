"""``bicubic``: up-sampling by bicubic interpolation, then detection; the baseline of super-resolution methods."""
