"""The webhook's three listeners: reviews over TLS, health, metrics; and how they end."""
