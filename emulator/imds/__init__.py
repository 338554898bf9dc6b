"""The instance metadata service, as far as tokens go."""
