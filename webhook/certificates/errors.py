"""What can go wrong with certificates, told apart by what can be done about it.

CertificateError
├── Unusable          a certificate or key that must not be served; the one before it stays
├── IssuingFailed     the child process made none: try again later
├── SecretMissing     there is no Secret, nor the right to create it: a person has to
└── FilesUnreadable   files mode can't start: a person has to look at the folder
"""

# ruff: noqa: N818  "Unusable" says all that "UnusableError" would


class CertificateError(Exception):
    """Every error of this package. Its text is one line for people and never holds a key."""


class Unusable(CertificateError):
    """A certificate, key or chain that does not do what it is for; the text says what fails."""


class IssuingFailed(CertificateError):
    """No certificate was made."""


class SecretMissing(CertificateError):
    """The Secret is not there and can't be created; what is served goes on being served."""


class FilesUnreadable(CertificateError):
    """The certificate's files are not there, can't be read or don't belong together."""
