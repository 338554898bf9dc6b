"""Malformed reviews against the real server process: nothing may hang, break, leak or grow.

    python -m hack.fuzz                     100,000 cases, some 10 minutes on two cores
    python -m hack.fuzz --count 5000        fewer
    python -m hack.fuzz --seed 7            the same cases again
    python -m hack.fuzz --seed 7 --case 42  show one of them, send it, judge the answer
    python -m hack.fuzz --break hangs       with a fault in the server, which is to be found

Each case is made from the seed and its index alone (`cases`), sent over TLS (`client`) to
`python -m webhook`, which gets its ServiceAccounts from an API server that partly fails (`stage`),
and judged by what it was (`oracle`). What shows only in the whole, such as memory, connections, the
log and the metrics, is judged at the end (`vitals`).
"""
