"""The serving certificate: made, rotated, published and served without a restart.

| Module | Holds |
|---|---|
| `rotating` | `RotatingCertificate`: own rotation, by the Secret and the `caBundle` (edge) |
| `files` | `CertificateFiles`: files mode, somebody else makes the certificate (edge) |
| `plan` | the rotation as a pure state machine; the protocol is told there |
| `steps` | what each step writes into the Secret |
| `secret`, `configuration` | the two objects: reading them, and the changed object to write |
| `form` | the form of a CA that the original accepts |
| `inspection`, `contexts`, `pem` | what a certificate is good for, by the stdlib's `ssl` |
| `sightings` | how long something has been seen, by this replica's own clock |
| `slot` | the listener's SSL context, and the certificate that stands in it |
| `making`, `issue`, `issuer` | making certificates in a child process, so that `cryptography` |
| | (8 MiB) and the CPU of an RSA key stay out of the server's process and its event loop |

Nothing is imported here: the child process would pay for it.
"""
