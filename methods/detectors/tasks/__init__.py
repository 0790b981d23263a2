"""Training losses of detectors, for what learns in front of them; no detection depends on anything in here."""
