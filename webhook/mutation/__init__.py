"""Deciding what a pod gets: a pure function from pod, ServiceAccount and configuration."""
