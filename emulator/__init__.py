"""A double of Entra ID, Microsoft Graph, Azure Resource Manager and the instance metadata service.

A program for laptops and CI: `python -m emulator --help`.
"""
