"""What belongs to no page: the choice of language, and the supervisor's question."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.cache import patch_vary_headers


def choose_language(request: HttpRequest) -> HttpResponse:
    """`/`: the first of the browser's languages that we speak, else Kazakh. No cookie remembers it."""
    response = redirect(f"/{translation.get_language_from_request(request)}/")
    patch_vary_headers(response, ["Accept-Language"])
    return response


def healthy(request: HttpRequest) -> HttpResponse:
    """For a supervisor: 200 while the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok\n", content_type="text/plain")
