"""Files: results in HDF5, and where they came from."""
