"""Boards: the grid of runs, the controls, the calibration of metrics, the table of results, and its publication."""
