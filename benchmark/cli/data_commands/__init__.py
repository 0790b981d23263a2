"""The sub-commands of ``lqbench data``, one file each."""
