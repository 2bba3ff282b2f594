"""Questions over HTTP, by Django, in one file. DATABASE_URL says where the edge is; `python app.py runserver`."""

import os
import sys
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.db import Error, connections
from django.http import HttpRequest, JsonResponse
from django.urls import path

ANSWER = "SELECT status, columns, rows, sql, explanation, reason FROM postai.answer(%s, 20)"
ORDERS = "SELECT status, orders FROM postai_cache.orders_by_status ORDER BY orders DESC"


def database(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "CONN_MAX_AGE": 60,
        # Django sends a SET when the connection has another time zone than TIME_ZONE (UTC with USE_TZ).
        "OPTIONS": {"options": "-c timezone=UTC -c statement_timeout=30s"},
    }


def read(alias: str, statement: str, *values: object) -> list[dict[str, object]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def ask(request: HttpRequest) -> JsonResponse:
    try:
        return JsonResponse(read("questions", ANSWER, request.GET.get("q", ""))[0])
    except Error as error:
        return JsonResponse({"detail": str(error).splitlines()[0]}, status=503)


def orders(request: HttpRequest) -> JsonResponse:
    return JsonResponse(read("default", ORDERS), safe=False)


urlpatterns = [path("ask", ask), path("orders", orders)]

if not settings.configured:
    settings.configure(
        DEBUG=False,
        ALLOWED_HOSTS=["127.0.0.1", "localhost"],
        ROOT_URLCONF=__name__,
        SECRET_KEY=os.environ.get("SECRET_KEY", "for this example alone"),
        USE_TZ=True,
        # A session that asks keeps its server connection behind the edge, so questions have connections of their own.
        DATABASES={name: database(os.environ["DATABASE_URL"]) for name in ("default", "questions")},
    )
application = get_wsgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
