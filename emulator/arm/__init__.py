"""Azure Resource Manager: managed identities, their credentials, subscriptions and roles."""
