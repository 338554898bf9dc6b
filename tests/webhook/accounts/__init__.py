"""The cache of ServiceAccounts."""
