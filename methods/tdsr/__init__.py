"""Training of super-resolution networks, alone and through a detector."""
