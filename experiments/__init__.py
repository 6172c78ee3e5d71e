"""Studies whose pages stand in `results/`: `python -m experiments NAME` makes the folder `results/NAME/` again."""
