"""Which spellings of an issuer are taken for one, whatever Entra ID takes them for."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.issuer_spellings import is_plain, mean_the_same

ISSUER = "https://westeurope.oic.prod-aks.azure.com/7d1c/3f0a/"


@pytest.mark.parametrize(
    "spelling",
    [
        ISSUER,
        ISSUER.rstrip("/"),
        ISSUER + "/",
        ISSUER.upper(),
        ISSUER.replace("https", "HTTPS"),
        ISSUER.replace("https", "http"),
        ISSUER.replace("https:", ""),
        ISSUER.replace("https://", "https:/"),
        ISSUER.replace(".com/", ".com:443/"),
        ISSUER.replace(".com/", ".com:0443/"),
        ISSUER.replace(".com/", ".com:/"),
        ISSUER.replace(".com/", ".com./"),
        ISSUER.replace(".com/", ".com.:443/"),
        ISSUER.replace(".com/", ".com\N{IDEOGRAPHIC FULL STOP}/"),
        ISSUER.replace(".com/", ".com//"),
        ISSUER.replace("https://", "https://user:password@"),
        ISSUER.replace("https://", "https://somewhere.example@"),
        f" {ISSUER}",
        f"{ISSUER}\n",
        f"{ISSUER}\t",
        f"{ISSUER}\N{NO-BREAK SPACE}",
        f"{ISSUER}\N{ZERO WIDTH SPACE}",
        f"\N{ZERO WIDTH NO-BREAK SPACE}{ISSUER}",
        ISSUER.replace("azure", "az\N{SOFT HYPHEN}ure"),
        ISSUER.replace("azure", "azure\0"),
        ISSUER.replace("https", "\N{FULLWIDTH LATIN SMALL LETTER H}ttps"),
        ISSUER.replace("prod", "\N{FULLWIDTH LATIN SMALL LETTER P}rod"),
        ISSUER.replace("aks", "a\N{KELVIN SIGN}s"),
        ISSUER.replace("aks", "ak\N{LATIN SMALL LETTER LONG S}"),
        ISSUER.replace(".", "\N{IDEOGRAPHIC FULL STOP}"),
        ISSUER.replace(".", "\N{FULLWIDTH FULL STOP}"),
        ISSUER.replace(".", "\N{HALFWIDTH IDEOGRAPHIC FULL STOP}"),
        ISSUER.replace("7d1c", "%37d1c"),
        ISSUER.replace("7d1c", "%2537d1c"),
        ISSUER.replace("azure", "%61zure"),
        ISSUER.replace("/7d1c", "%2f7d1c"),
        ISSUER.replace("/", "\\"),
        ISSUER.replace("7d1c/", "7d1c/./"),
        ISSUER.replace("7d1c/", "x/../7d1c/"),
        ISSUER.replace("7d1c/", "x/%2e%2e/7d1c/"),
        f"{ISSUER}?tenant=a",
        f"{ISSUER}#part",
        ISSUER.rstrip("/") + "?",
    ],
    ids=ascii,
)
def test_another_spelling_means_the_same(spelling: str) -> None:
    assert mean_the_same(spelling, ISSUER)
    assert mean_the_same(ISSUER, spelling)


@pytest.mark.parametrize(
    "other",
    [
        "https://westeurope.oic.prod-aks.azure.com/7d1c/3f0b/",
        "https://westeurope.oic.prod-aks.azure.com/7d1c/",
        "https://northeurope.oic.prod-aks.azure.com/7d1c/3f0a/",
        "https://westeurope.oic.prod-aks.azure.com:8443/7d1c/3f0a/",
        "https://westeurope.oic.prod-aks.azure.com.example/7d1c/3f0a/",
        "https://user:pass@elsewhere.example/7d1c/3f0a/",
        "https://elsewhere.example/https://westeurope.oic.prod-aks.azure.com/7d1c/3f0a/",
        "https://token.actions.githubusercontent.com",
        "",
    ],
)
def test_another_issuer_is_another(other: str) -> None:
    assert not mean_the_same(other, ISSUER)


def test_letters_that_differ_by_case_alone_do_not_differ_in_a_path_either() -> None:
    sharp = "stra\N{LATIN SMALL LETTER SHARP S}e"
    assert mean_the_same(f"https://issuer.example/{sharp}", "https://issuer.example/STRASSE")


def test_a_name_of_unicode_is_its_punycode() -> None:
    assert mean_the_same(
        "https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example",
        ("https://xn--bcher-kva.example/"),
    )


@settings(deadline=None, print_blob=True)
@given(st.text())
def test_any_text_means_itself_and_nothing_breaks(text: str) -> None:
    assert mean_the_same(text, text)


@settings(deadline=None, print_blob=True)
@given(st.text(), st.sampled_from(["", "/", " ", "/ ", "\N{ZERO WIDTH SPACE}", "#x", "?"]))
def test_what_follows_the_last_slash_unseen_makes_no_difference(text: str, tail: str) -> None:
    issuer = f"https://issuer.example/{text}"
    assert mean_the_same(issuer + tail, issuer)


PATHS = st.text(string.ascii_letters + string.digits + "-_.~", min_size=1, max_size=20)


@settings(deadline=None, print_blob=True)
@given(PATHS, PATHS)
def test_issuers_of_a_host_with_other_paths_are_others(one: str, other: str) -> None:
    alike = mean_the_same(f"https://issuer.example/{one}", f"https://issuer.example/{other}")
    dots = {".", ".."}
    assert alike == (one.lower() == other.lower() or (one in dots and other in dots))


@pytest.mark.parametrize(
    "issuer",
    [
        ISSUER,
        "https://token.actions.githubusercontent.com",
        "https://token.actions.githubusercontent.com/acme",
        "https://container.googleapis.com/v1/projects/p/locations/europe-west1/clusters/c",
        "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D3041E",
        "https://Spire.Example:8443/",
        "https://login.example/realms/My%20Realm",
        "https://acme.eu.auth0.com/",
    ],
)
def test_issuers_that_there_are_are_plain(issuer: str) -> None:
    assert is_plain(issuer)


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "https://",
        "https:///path",
        "http://issuer.example",
        "HTTPS://issuer.example",
        "issuer.example",
        "ftp://issuer.example",
        "https://user@issuer.example",
        "https://user:password@issuer.example",
        "https://issuer.example?x=1",
        "https://issuer.example/#x",
        "https://issuer.example /",
        " https://issuer.example",
        "https://issuer.example\n",
        "https://issuer.example.",
        "https://issuer.example:port",
        "https://issuer.example\\x",
        "https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example",
        "https://issuer.example/\N{ZERO WIDTH SPACE}",
        "https://[::1]/",
    ],
    ids=ascii,
)
def test_what_is_no_issuer_of_openid_connect_is_not(issuer: str) -> None:
    assert not is_plain(issuer)
