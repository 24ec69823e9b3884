"""Mutation testing: small changes of the source, and the tests that should notice them."""
