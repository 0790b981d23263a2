"""Where cells are computed: in this process, on Ray, or on Slurm."""
