"""Boards: a grid of runs, its controls and its damage, the table that comes out, and where it is published."""
