"""The public contract of workload identity: names, settings, clouds. Standard library only."""
