"""`make e2e`: a cluster with a node, our images, the chart in it, and tests/e2e on all that."""
