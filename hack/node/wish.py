"""What a caller may ask of a node."""

from dataclasses import dataclass

from hack.cluster.settings import ISSUER

DEFAULT_NAME = "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The settings of a node; `node()` takes them by the same names."""

    name: str = DEFAULT_NAME
    """Of the Node object, and of the machine that pods with hostNetwork see."""
    issuer: str = ISSUER
    """`iss` of ServiceAccount tokens."""
    extra_apiserver_args: tuple[str, ...] = ()
    """Flags of kube-apiserver as `--name=value`; they win over ours."""

    def facts(self) -> dict[str, str | list[str]]:
        """Tell the settings as JSON has them, to compare those of a node that runs."""
        return {"issuer": self.issuer, "extra_apiserver_args": list(self.extra_apiserver_args)}
