"""The public contract of workload identity: names, settings and clouds. Pure: standard library only."""
