"""Training: the loop, the files of a run, and samples from a run."""
