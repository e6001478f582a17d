"""The first thing that a person sees."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("accepted", "language"), [("ru-RU,ru;q=0.9", "ru"), ("en", "en"), ("kk", "kk"), ("de", "kk"), ("", "kk")]
)
def test_the_bare_address_leads_to_the_readers_language_and_to_kazakh_first(
    client: Client, accepted: str, language: str
) -> None:
    response = client.get("/", headers={"accept-language": accepted})
    assert response.headers["Location"] == f"/{language}/"
    assert "Accept-Language" in response.headers["Vary"]


def test_the_front_page_opens(client: Client) -> None:
    assert client.get("/en/").status_code == 200


def test_a_supervisor_sees_that_the_site_is_healthy(client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"
