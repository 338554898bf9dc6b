"""Clients for Microsoft Graph, Azure Resource Manager and Entra ID's token endpoint."""
