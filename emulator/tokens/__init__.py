"""The token endpoint: assertions validated, access tokens issued."""
