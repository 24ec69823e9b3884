"""Configuration: what may be said (schema), reading it (reader), making physics of it (build)."""
