"""Real Helm on a real API server."""
