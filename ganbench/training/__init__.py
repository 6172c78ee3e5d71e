"""Training: the loop, what a run leaves behind, and what is drawn from it."""
