"""Tests of the container images: what is in them, and that they start with nothing but it."""
