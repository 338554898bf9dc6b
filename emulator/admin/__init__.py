"""The admin API: faults, the log of requests, the state."""
