"""fpsolver beside other programs: the same problems, each solved the way its own documentation recommends."""
