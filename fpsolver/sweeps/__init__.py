"""Many runs: a grid of parameter values, on local processes or on a Dask cluster, into one table."""
