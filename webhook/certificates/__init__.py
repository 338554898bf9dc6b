"""The serving certificate: made, rotated, published and served without a restart.

| Module | Holds |
|---|---|
| `rotating` | `RotatingCertificate`: own rotation, by the Secret and the `caBundle` (edge) |
| `files` | `CertificateFiles`: files mode, somebody else makes the certificate (edge) |
| `objects` | both objects in the API server: reading, writing, watching |
| `plan` | the rotation as a pure state machine; the protocol is told there |
| `steps` | what each step writes into the Secret |
| `secret`, `configuration` | what both objects come to, and the changed object to write |
| `form` | the form of a CA that the original accepts |
| `inspection`, `contexts`, `pem` | what a certificate is good for, by the stdlib's `ssl` |
| `sightings` | how long something has been seen, by this replica's own clock |
| `presented` | what this replica presents: when it changes, whether it makes ready |
| `repeats` | how often steps are done: no two replicas undo each other at full speed |
| `slot` | the listener's SSL context, and the certificate that stands in it |
| `making`, `issue`, `issuer` | making certificates in a child process, so that `cryptography` |
| | (8 MiB) and the CPU of an RSA key stay out of the server's process and its event loop |

Nothing is imported here: the child process would pay for it.
"""
