"""Wiring only: Prefect flows, the Dask cluster they run on, and the `dicomflow` command."""
