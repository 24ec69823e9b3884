"""One page about a result: HTML that holds its data and needs no network."""
