"""Plan, run and score cells; the command line."""
