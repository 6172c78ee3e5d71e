"""The families of datasets: a module of this folder with `RECIPE` and `DATASETS` is one (see `ganbench.data.registry`)."""
