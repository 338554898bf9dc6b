"""The clouds that Entra ID runs in, by the names that `AZURE_ENVIRONMENT` takes.

Source: https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
"""

from dataclasses import dataclass
from typing import Final

from identity.names import DEFAULT_AUDIENCE


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud: where its services answer, and the audience that it documents."""

    name: str
    authority_host: str
    """Where tokens come from, with the trailing slash that SDKs are given by the original."""
    resource_manager: str
    graph: str | None
    """Microsoft Graph; None where a cloud has none."""
    audience: str
    """The audience that the cloud's documentation gives for federated credentials.

    The webhook injects the public cloud's in every cloud unless told otherwise, as the original
    does; credentials that people made by hand carry it.
    """


PUBLIC: Final = Cloud(
    name="AzurePublicCloud",
    authority_host="https://login.microsoftonline.com/",
    resource_manager="https://management.azure.com",
    graph="https://graph.microsoft.com",
    audience=DEFAULT_AUDIENCE,
)
US_GOVERNMENT: Final = Cloud(
    name="AzureUSGovernmentCloud",
    authority_host="https://login.microsoftonline.us/",
    resource_manager="https://management.usgovcloudapi.net",
    graph="https://graph.microsoft.us",
    audience="api://AzureADTokenExchangeUSGov",
)
CHINA: Final = Cloud(
    name="AzureChinaCloud",
    authority_host="https://login.chinacloudapi.cn/",
    resource_manager="https://management.chinacloudapi.cn",
    graph="https://microsoftgraph.chinacloudapi.cn",
    audience="api://AzureADTokenExchangeChina",
)
GERMANY: Final = Cloud(
    name="AzureGermanCloud",
    authority_host="https://login.microsoftonline.de/",
    resource_manager="https://management.microsoftazure.de",
    graph=None,
    audience=DEFAULT_AUDIENCE,
)

CLOUDS: Final = (PUBLIC, US_GOVERNMENT, CHINA, GERMANY)

_BY_NAME = {cloud.name.casefold(): cloud for cloud in CLOUDS} | {
    "azurecloud": PUBLIC,
    "azureusgovernment": US_GOVERNMENT,
}


def cloud_named(name: str) -> Cloud | None:
    """Return the cloud of that name or old name, in any letter case, else None."""
    return _BY_NAME.get(name.casefold())
