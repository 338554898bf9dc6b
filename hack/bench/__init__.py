"""What the webhook costs: speed and memory of the real server process, as a table.

    python -m hack.bench                    everything; some minutes (8 on a busy machine)
    python -m hack.bench --quick            less of everything, noisier
    python -m hack.bench --only saturation  one part; --help lists them
    python -m hack.bench --profile          where the time goes at saturation

The server runs as in production, in a process of its own, pinned to one core; it is driven over
HTTPS from another core, and gets its ServiceAccounts from a real API server (hack.cluster).
"""
