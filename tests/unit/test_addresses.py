"""What of an address is secret, and where it is put back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inceptionkit import addresses
from inceptionkit.addresses import hide, with_secrets, without_secrets


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    before = dict(addresses.SECRETS)
    addresses.SECRETS.clear()
    yield
    addresses.SECRETS.clear()
    addresses.SECRETS.update(before)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://me:pw@x.org/a.tar", "https://x.org/a.tar"),
        ("https://token@x.org/a.tar", "https://x.org/a.tar"),
        ("https://me:p@w@x.org/a.tar", "https://x.org/a.tar"),
        ("https://x.org/a.tar?X-Amz-Signature=1", "https://x.org/a.tar"),
        ("https://x.org/a.tar?download=true&sig=1#x", "https://x.org/a.tar?download=true"),
        ("https://me:pw@x.org:8080", "https://x.org:8080"),
        ("https://me:pw@x.org/{0..9}.tar?sig=1", "https://x.org/{0..9}.tar"),
        ("https://me:pw@[::1]/a.tar", "https://[::1]/a.tar"),
        ("HTTPS://x.org/a.tar?sig=1", "HTTPS://x.org/a.tar"),
        ("s3://key:secret@bucket/a.tar", "s3://bucket/a.tar"),
    ],
)
def test_a_secret_is_taken_off_and_put_back(given: str, shown: str) -> None:
    assert without_secrets(given) == shown
    assert with_secrets(shown) == given.partition("#")[0]


@pytest.mark.parametrize(
    "address",
    [
        "https://x.org/a.tar",
        "https://x.org/a.tar?download=true",
        "https://x.org",
        "s3://bucket/what?.tar",
        "hf://datasets/me/flowers@main/data",
        "photos/a?b@c.tar",
        "C:/photos",
        "",
    ],
)
def test_what_is_not_secret_stays(address: str) -> None:
    assert without_secrets(address) == address == with_secrets(address)
    assert addresses.SECRETS == {}


def test_files_of_the_same_folder_share_a_secret_and_other_machines_get_none() -> None:
    without_secrets("https://me:pw@x.org/data/{0..9}.tar?sig=1")
    without_secrets("https://you:pw@y.org")

    assert with_secrets("https://x.org/data/3.tar") == "https://me:pw@x.org/data/3.tar?sig=1"
    assert with_secrets("https://x.org/data/classes.txt").startswith("https://me:pw@")
    assert with_secrets("https://y.org/a.tar") == "https://you:pw@y.org/a.tar"
    for other in ("https://x.org/a.tar", "https://x.org.evil.com/data/3.tar", "https://z.org/a"):
        assert with_secrets(other) == other


def test_a_path_gets_back_the_slash_that_it_lost() -> None:
    assert without_secrets(Path("https://x.org/a.tar")) == "https://x.org/a.tar"
    assert without_secrets(Path("photos:/a")) == "photos:/a"


def test_others_messages_lose_what_is_secret() -> None:
    without_secrets("https://me:p%40ssword@x.org/a?sig=abc%2Fdef&t=1")

    said = hide("401: https://me:p@ssword@x.org/a?sig=abc/def")
    assert said == "401: https://***@x.org/a?sig=***"
