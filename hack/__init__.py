"""Tools around the project: the local cluster, the demo, the benchmark."""
