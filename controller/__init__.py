"""The controller: federated credentials in Entra ID kept true to annotated ServiceAccounts."""
