"""One module for each program; none imports its program before it is asked to solve something."""
