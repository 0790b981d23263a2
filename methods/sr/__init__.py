"""Super-resolution networks: one form of input and output for all of them, published checkpoints load into them."""
