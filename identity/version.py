"""The version of this release, read by the build and told by `--version` and the metrics."""

VERSION = "0.1.0"
