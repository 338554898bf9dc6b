"""The demo: from an admin's grant to a pod's access token, and back to nothing, step by step.

`python -m hack.demo` (or `make demo`), on a real API server, with the emulator in the place of
Entra ID. It says what it does, shows what came of it and checks all of it: exit status 0 only if
everything was as it should be.
"""
