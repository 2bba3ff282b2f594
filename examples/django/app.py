"""Questions over HTTP, by Django, in one file. DATABASE_URL says where the database is; `python app.py runserver`."""

import os
import sys
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.urls import path

ANSWER = "SELECT status, columns, rows, sql, explanation, reason FROM postai.answer(%s, 20)"


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


def ask(request: HttpRequest) -> JsonResponse:
    try:
        with connection.cursor() as cursor:
            cursor.execute(ANSWER, [request.GET.get("q", "")])
            names = [column.name for column in cursor.description]
            return JsonResponse(dict(zip(names, cursor.fetchone(), strict=True)))
    except Error as error:
        return JsonResponse({"detail": str(error).splitlines()[0]}, status=503)


urlpatterns = [path("ask", ask)]

if not settings.configured:
    settings.configure(
        DEBUG=False,
        ALLOWED_HOSTS=["127.0.0.1", "localhost"],
        ROOT_URLCONF=__name__,
        SECRET_KEY=os.environ.get("SECRET_KEY", "for this example alone"),
        USE_TZ=True,
        DATABASES={"default": database(os.environ["DATABASE_URL"])},
    )
application = get_wsgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
