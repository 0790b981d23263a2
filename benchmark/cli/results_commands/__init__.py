"""The sub-commands of ``lqbench results``, one file each."""
