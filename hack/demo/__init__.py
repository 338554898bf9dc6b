"""The demo: a labelled pod gets its identity, on a real API server, told step by step.

`python -m hack.demo` (or `make demo`). It says what it does, shows what came of it and checks all
of it: exit status 0 only if everything was as it should be.
"""
