"""The Kubernetes API: raw objects, one call, one answer or one error."""

from controller.kube import paths
from controller.kube.client import Kube, Object, Page
from controller.kube.connection import Connection, connection
from controller.kube.errors import (
    AlreadyExists,
    Changed,
    Expired,
    Forbidden,
    Invalid,
    KubeError,
    NotConfigured,
    NotFound,
    NotServed,
    Terminating,
    Transient,
    Unauthenticated,
    Unavailable,
    Unreachable,
)
from controller.kube.kopf_login import KopfLogin, kopf_login

__all__ = [
    "AlreadyExists",
    "Changed",
    "Connection",
    "Expired",
    "Forbidden",
    "Invalid",
    "KopfLogin",
    "Kube",
    "KubeError",
    "NotConfigured",
    "NotFound",
    "NotServed",
    "Object",
    "Page",
    "Terminating",
    "Transient",
    "Unauthenticated",
    "Unavailable",
    "Unreachable",
    "connection",
    "kopf_login",
    "paths",
]
