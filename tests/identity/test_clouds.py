"""Clouds by their names, as `AZURE_ENVIRONMENT` takes them."""

import pytest

from identity.clouds import CLOUDS, Cloud, cloud_named


@pytest.mark.parametrize(
    ("name", "authority"),
    [
        ("AzurePublicCloud", "https://login.microsoftonline.com/"),
        ("AzureUSGovernmentCloud", "https://login.microsoftonline.us/"),
        ("AzureChinaCloud", "https://login.chinacloudapi.cn/"),
        ("AzureGermanCloud", "https://login.microsoftonline.de/"),
        ("AZURECHINACLOUD", "https://login.chinacloudapi.cn/"),
        ("azurepubliccloud", "https://login.microsoftonline.com/"),
        ("AzureCloud", "https://login.microsoftonline.com/"),
        ("AzureUSGovernment", "https://login.microsoftonline.us/"),
    ],
)
def test_a_cloud_has_the_originals_authority(name: str, authority: str) -> None:
    cloud = cloud_named(name)
    assert cloud is not None
    assert cloud.authority_host == authority


@pytest.mark.parametrize(
    "name", ["", "public", "AzureChina", " AzurePublicCloud", "AzureStackCloud"]
)
def test_other_names_are_no_clouds(name: str) -> None:
    assert cloud_named(name) is None


@pytest.mark.parametrize("cloud", CLOUDS, ids=[cloud.name for cloud in CLOUDS])
def test_addresses_have_the_form_that_sdks_are_given(cloud: Cloud) -> None:
    assert cloud_named(cloud.name) is cloud
    assert cloud.authority_host.startswith("https://")
    assert cloud.authority_host.endswith("/")
    assert not cloud.resource_manager.endswith("/")


def test_the_audiences_are_those_that_the_clouds_document() -> None:
    assert {cloud.name: cloud.audience for cloud in CLOUDS} == {
        "AzurePublicCloud": "api://AzureADTokenExchange",
        "AzureUSGovernmentCloud": "api://AzureADTokenExchangeUSGov",
        "AzureChinaCloud": "api://AzureADTokenExchangeChina",
        "AzureGermanCloud": "api://AzureADTokenExchange",
    }
