"""Proving on a Dask cluster: `pip install zkhost[dask]`."""
