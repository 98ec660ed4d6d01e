"""Proving on a Dask cluster: `pip install zkhost[dask]`."""

from zkhost.provers.dask.dask_prover import DaskProver

__all__ = ["DaskProver"]
