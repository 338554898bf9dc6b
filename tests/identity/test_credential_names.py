"""Names that tell whose a credential is, and that no two objects share."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.credential_names import (
    cluster_tag,
    credential_name,
    description,
    object_name,
    tag_of,
)

AKS = (
    "https://westeurope.oic.prod-aks.azure.com/72f988bf-86f1-41af-91ab-2d7cd011db47"
    "/5a0b8c1e-2f3d-4c6b-9a7e-1d2c3b4a5f60/"
)
SUBJECT = "system:serviceaccount:shop:web"
CLIENT = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""RFC 1123, as the API server checks names of objects."""

labels = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
subdomains = st.builds(
    lambda parts: ".".join(parts)[:253].rstrip("-."), st.lists(labels, min_size=1, max_size=6)
)
parts = st.tuples(st.text(), labels, subdomains, st.text(), st.text())


def test_a_name_is_readable_and_its_form_stays_what_it_is() -> None:
    """Credentials in Entra carry these names: another form would make strangers of them."""
    name = credential_name(AKS, "shop", "web-orders", AKS, SUBJECT)
    assert name == "azwi-bzdowz4k7s-shop-web-orders-3ag6godqkn6rzxerarm7jmqlsfqh4i3bp6fpipjp"
    assert object_name("web", CLIENT) == "web-oufpsnhscbthz2f6wmnz"


@given(parts)
def test_every_name_is_one_that_entra_takes(given: tuple[str, str, str, str, str]) -> None:
    name = credential_name(*given)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}", name)


@given(st.tuples(*[st.text()] * 5))
def test_whatever_stands_in_an_object_its_name_is_known_again(
    given: tuple[str, str, str, str, str],
) -> None:
    assert tag_of(credential_name(*given)) == cluster_tag(given[0])


@given(parts, parts)
def test_the_same_parts_have_the_same_name_and_others_another(
    some: tuple[str, str, str, str, str], others: tuple[str, str, str, str, str]
) -> None:
    assert credential_name(*some) == credential_name(*some)
    assert (credential_name(*some) == credential_name(*others)) is (some == others)


@given(st.lists(st.sampled_from(["a", "-", ".", "ab", "0", "1:", ""]), min_size=2, max_size=8))
def test_where_one_part_ends_and_the_next_begins_is_told(pieces: list[str]) -> None:
    """`a-b/c` and `a/b-c` read alike; so might a part that looks like a length."""
    splits = {("".join(pieces[:end]), "".join(pieces[end:])) for end in range(1, len(pieces))}
    names = {credential_name(AKS, left, right, AKS, SUBJECT) for left, right in splits}
    names |= {credential_name(AKS, "shop", "web", left, right) for left, right in splits}
    names |= {object_name("web" + left, right) for left, right in splits}
    assert len(names) == 3 * len(splits)


@pytest.mark.parametrize(
    ("namespace", "name"), [("a-b", "c"), ("a", "b-c"), ("a", "b.c"), ("a-b-c", "")]
)
def test_names_that_read_alike_differ_in_their_hash(namespace: str, name: str) -> None:
    alike = [("a-b", "c"), ("a", "b-c"), ("a", "b.c"), ("a-b-c", "")]
    names = [credential_name(AKS, *pair, AKS, SUBJECT) for pair in alike]
    ours = credential_name(AKS, namespace, name, AKS, SUBJECT)
    assert Counter(names)[ours] == 1


@pytest.mark.parametrize("other", [AKS.rstrip("/"), AKS.upper(), AKS + "/", " " + AKS])
def test_another_spelling_of_the_issuer_is_another_cluster(other: str) -> None:
    assert cluster_tag(other) != cluster_tag(AKS)


def test_long_names_are_cut_where_people_read_not_where_they_are_told_apart() -> None:
    one = credential_name(AKS, "shop", "o" * 252 + "1", AKS, SUBJECT)
    two = credential_name(AKS, "shop", "o" * 252 + "2", AKS, SUBJECT)
    assert one != two
    assert len(one) == len(two) == 120


@pytest.mark.parametrize("length", range(50, 70))
def test_a_name_that_is_cut_at_a_dash_is_known_again(length: int) -> None:
    name = credential_name(AKS, "n" * length, "-" + "o" * 100, AKS, SUBJECT)
    assert tag_of(name) == cluster_tag(AKS)
    assert "--" not in name


_OURS = credential_name(AKS, "shop", "web-orders", AKS, SUBJECT)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "azwi",
        "azwi-shop-web",
        _OURS.upper(),
        "x" + _OURS,
        _OURS + "x",
        _OURS + "\n",
        _OURS.removeprefix("azwi-"),
        _OURS.replace("azwi-", "azwi_", 1),
        _OURS.replace("-shop-web-orders-", "-", 1),
        _OURS.replace("-shop-web-orders-", "--", 1),
        _OURS.replace("shop", "Shop"),
        _OURS.replace("shop", "sh_op"),
        _OURS.replace("shop-web", "s" * 60),
        _OURS[:-1],
        _OURS[:-1] + "1",
        _OURS.replace(cluster_tag(AKS), cluster_tag(AKS)[:-1] + "0"),
        _OURS.replace(cluster_tag(AKS), cluster_tag(AKS)[:-1]),
    ],
)
def test_a_name_of_any_other_form_is_somebody_elses(name: str) -> None:
    assert name != _OURS
    assert tag_of(name) is None


@given(subdomains, st.text())
def test_the_object_of_a_serviceaccount_has_a_name_that_kubernetes_takes(
    account: str, identity: str
) -> None:
    name = object_name(account, identity)
    assert len(name) <= 253
    assert _SUBDOMAIN.fullmatch(name)


@pytest.mark.parametrize("last", ["a", "-", "."])
def test_a_long_serviceaccount_name_is_cut_to_a_valid_one(last: str) -> None:
    account = "a" * 231 + last + "b" * 21
    assert len(account) == 253
    name = object_name(account, CLIENT)
    assert _SUBDOMAIN.fullmatch(name)
    assert 230 < len(name) <= 253


def test_a_description_says_whose_the_credential_is() -> None:
    text = description(AKS, "shop", "web-orders")
    assert "azwi" in text
    assert "FederatedIdentityCredential shop/web-orders" in text
    assert text.endswith(AKS)


def test_a_long_description_is_cut_at_the_issuer() -> None:
    text = description(AKS.ljust(600, "i"), "n" * 63, "o" * 253)
    assert len(text) == 600
    assert "o" * 253 + " of the cluster with the issuer " + AKS in text


@given(st.text(max_size=700), labels, subdomains)
def test_a_description_is_no_longer_than_entra_takes(
    issuer: str, namespace: str, name: str
) -> None:
    assert len(description(issuer, namespace, name)) <= 600
