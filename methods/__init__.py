"""Methods under comparison: the adapter contract, the registry, and one folder a method."""
