"""Where a cloud's services answer, and what tokens for them are asked for."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from entra.errors import Invalid, Unsupported
from identity.clouds import Cloud
from identity.faults import quoted


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The three services of one cloud, from `Endpoints.of` or, air-gapped, by hand.

    URLs are https, without query, fragment or user; a slash at the end is taken off. Raises
    `Invalid` where one is something else.
    """

    authority: str
    """Where tokens come from, without the tenant."""
    resource_manager: str
    graph: str | None
    """Microsoft Graph; None where the cloud has none."""
    resource_manager_audience: str = ""
    """What tokens for Resource Manager are for, where it is not its URL (Azure Stack Hub)."""
    graph_audience: str = ""
    """The same for Graph."""

    def __post_init__(self) -> None:
        for name in ("authority", "resource_manager", "graph"):
            url = getattr(self, name)
            if url is not None:
                object.__setattr__(self, name, _checked(name, url))

    @classmethod
    def of(cls, cloud: Cloud) -> "Endpoints":
        """Return the endpoints of a public or national cloud."""
        return cls(cloud.authority_host, cloud.resource_manager, cloud.graph)

    @property
    def resource_manager_scope(self) -> str:
        """The scope of tokens for Resource Manager."""
        return f"{self.resource_manager_audience or self.resource_manager}/.default"

    @property
    def graph_scope(self) -> str:
        """The scope of tokens for Graph; raises `Unsupported` where there is none."""
        return f"{self.graph_audience or self.reachable_graph}/.default"

    @property
    def reachable_graph(self) -> str:
        """Graph's URL; raises `Unsupported` where there is none."""
        if self.graph is None:
            raise Unsupported(
                "this cloud has no Microsoft Graph, which keeps the credentials of applications;"
                " use a managed identity"
            )
        return self.graph


def _checked(name: str, url: str) -> str:
    expected = f"the URL of {name} is {quoted(url)}; expected https://host without query"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Invalid(expected) from error
    fits = parts.scheme == "https" and parts.hostname and port != 0
    if not fits or "?" in url or "#" in url or "@" in parts.netloc or not _plain(url):
        raise Invalid(expected)
    return url.rstrip("/")


def _plain(url: str) -> bool:
    return all("!" <= char <= "~" for char in url) and "\\" not in url
