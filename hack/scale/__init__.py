"""What the controller costs at scale: 10,000 ServiceAccounts on 500 identities, as a table.

    python -m hack.scale                                   everything; about 20 minutes
    python -m hack.scale --accounts 500 --identities 25    a small one; 5 minutes

A real API server (hack.cluster), the emulator throttling at a multiple of the published rates, and
the controller's process with the rights that the chart gives it; nothing is proved by exchanges.
All ServiceAccounts and grants are there before the controller starts.

Beside it, in the same run, a bare kopf operator that watches the same ServiceAccounts.
"""
