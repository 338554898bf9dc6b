"""Microsoft Graph: applications, service principals, federated credentials, batches."""
