"""A run as people look at it: its losses with words, its samples at ten moments, and the film of the moments."""
