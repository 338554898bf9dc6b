"""The container images: built, weighed and saved by `python -m hack.images`."""
