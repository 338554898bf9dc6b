"""What runs inside of a build, by the base image's Python: the standard library is all it has."""
