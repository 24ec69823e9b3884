"""The claims of arXiv:2507.23322v2, one module for each part of the paper."""
