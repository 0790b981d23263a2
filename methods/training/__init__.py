"""Training machinery that methods share: trainer, schedules, checkpoints, sampling, logs and configurations."""
