"""Proving on a Dask cluster: `pip install zkhost[dask]`."""

from zkhost.provers.dask.prover import DaskProver

__all__ = ["DaskProver"]
