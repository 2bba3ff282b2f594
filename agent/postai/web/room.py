"""A room: handlers that serve as pages and, the same functions, as routes of the API.

    room = Room("Queries", "queries")

    @room.see("/queries", "queries.html")
    def queries(database: InDatabase, limit: int = 50) -> Ranking: ...

    @room.do("/proposals/{proposal}/dismiss", then=lambda visit, result: ...)
    def dismiss(database: InDatabase, proposal: int, body: Dismissal) -> Done: ...

    @room.run("/ask", "ask.html")
    def ask(database: InDatabase, body: Asked) -> Outcome: ...

`see` makes `GET /d/{database}/queries`, a page, and `GET /api/v1/databases/{database}/queries`, JSON of what the
function returns. `do` makes a POST of both; a form's fields fill the model `body`. `run` makes a POST of both, too,
whose page shows what the function returns as `it`, or with `error` what was wrong with `form`, and leads nowhere.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from postai.errors import PostaiError, UsageError
from postai.web.failures import FAILURES, status_of
from postai.web.rendering import page
from postai.web.site import LOOKING
from postai.web.visit import CSRF_FIELD, Visit, Visiting, form_fields, named, own_request, own_statement

API = "/api/v1"
PAGES, DATABASES = "/d/{database}", f"{API}/databases/{{database}}"
"""Where pages and the API of a database begin."""
Handler = TypeVar("Handler", bound=Callable[..., Any])


class Room:
    """One area of the dashboard.

    Args:
        title: as the navigation shows it.
        tag: its name in addresses, templates and the OpenAPI document.
        home: the path that the navigation leads to, below the database; None = not in the navigation.
    """

    def __init__(self, title: str, tag: str, home: str | None = None) -> None:
        self.title = title
        self.tag = tag
        self.home = home
        self.pages = APIRouter(prefix=PAGES, include_in_schema=False)
        self.api = APIRouter(prefix=DATABASES, tags=[tag], responses=FAILURES, dependencies=[Depends(named)])

    def see(self, path: str, template: str) -> Callable[[Handler], Handler]:
        """Register a function that only reads.

        Args:
            path: below the database.
            template: shows what the function returns, as `it`.
        """

        def register(read: Handler) -> Handler:
            self.api.add_api_route(path, read, methods=["GET"], operation_id=read.__name__)
            self.pages.add_api_route(path, self._shown(read, template), methods=[*LOOKING], response_model=None)
            return read

        return register

    def read(self, path: str) -> Callable[[Handler], Handler]:
        """Register a function that only reads, for scripts and programs alone."""

        def register(read: Handler) -> Handler:
            self.api.add_api_route(path, read, methods=["GET"], operation_id=read.__name__)
            return read

        return register

    def run(self, path: str, template: str) -> Callable[[Handler], Handler]:
        """Register a function that runs something for whoever sent the form, and a page that shows the result as `it`.

        Args:
            path: below the database.
            template: as for `see`.
        """

        def register(act: Handler) -> Handler:
            allowed = [Depends(own_statement, scope="function")]
            self.api.add_api_route(path, act, methods=["POST"], operation_id=act.__name__, dependencies=allowed)
            shown = _with_form(act, self._answered(template), self._failed(template))
            self.pages.add_api_route(path, shown, methods=["POST"], response_model=None, dependencies=allowed)
            return act

        return register

    def do(
        self,
        path: str,
        then: Callable[[Visit, Any], tuple[str, str | None]],
        allowed: Callable[..., Any] = own_request,
    ) -> Callable[[Handler], Handler]:
        """Register a function that changes something.

        Args:
            path: below the database.
            then: of the visit and the result: where a browser goes (below the database) and the message it shows there.
            allowed: lets the request pass; `own_form` where it is about the login alone, which may be a reader's.
        """

        def register(act: Handler) -> Handler:
            passed = [Depends(allowed)]
            self.api.add_api_route(path, act, methods=["POST"], operation_id=act.__name__, dependencies=passed)
            gone = _with_form(act, lambda _request, visit, _form, it: _lead(visit, *then(visit, it)))
            self.pages.add_api_route(path, gone, methods=["POST"], response_model=None, dependencies=passed)
            return act

        return register

    def make(self, path: str, template: str) -> Callable[[Handler], Handler]:
        """Register a function that makes something which is shown once: the answer itself shows it, as `it`.

        Args:
            path: below the database.
            template: as for `see`.
        """

        def register(act: Handler) -> Handler:
            passed = [Depends(own_request)]
            self.api.add_api_route(path, act, methods=["POST"], operation_id=act.__name__, dependencies=passed)
            shown = _with_form(act, self._answered(template))
            self.pages.add_api_route(path, shown, methods=["POST"], response_model=None, dependencies=passed)
            return act

        return register

    def shown(self) -> dict[str, APIRoute]:
        """The pages that show what the API tells, too, by their paths below the database."""
        told = _reading(self.api)
        return {path: route for path, route in _reading(self.pages).items() if path in told}

    @staticmethod
    def form(model: type[BaseModel]) -> Callable[..., Any]:
        """A dependency that fills that model from the fields of a form."""
        return _form_of(model)

    def _answered(self, template: str) -> Callable[[Request, Visit, BaseModel | None, Any], Response]:
        return lambda request, visit, form, it: page(
            request, template, room=self, visit=visit, form=form, it=it, error=None
        )

    def _failed(self, template: str) -> Callable[[Request, Visit, BaseModel | None, PostaiError], Response]:
        """The same page with what was typed, and what was wrong with it."""
        return lambda request, visit, form, error: page(
            request,
            template,
            room=self,
            visit=visit,
            form=form,
            it=None,
            error=error.as_parts(),
            status=status_of(error),
        )

    def _shown(self, read: Callable[..., Any], template: str) -> Callable[..., Response]:
        def show(*, request: Request, visit: Visit, **arguments: Any) -> Response:
            return page(request, template, room=self, visit=visit, it=read(**arguments), form=None, error=None)

        own = [_keyword("request", Request), _keyword("visit", Visiting)]
        return _with_signature(show, read, own, drop=())


def _reading(router: APIRouter) -> dict[str, APIRoute]:
    routes = (one for one in router.routes if isinstance(one, APIRoute) and "GET" in (one.methods or ()))
    return {one.path.removeprefix(router.prefix): one for one in routes}


def _lead(visit: Visit, where: str, message: str | None) -> Response:
    visit.session.message = message
    return RedirectResponse(f"/d/{visit.database}{where}", status_code=303)


def _with_form(
    act: Callable[..., Any],
    answer: Callable[[Request, Visit, BaseModel | None, Any], Response],
    failed: Callable[[Request, Visit, BaseModel | None, PostaiError], Response] | None = None,
) -> Callable[..., Response]:
    parameters = inspect.signature(act, eval_str=True).parameters
    body = parameters["body"].annotation if "body" in parameters else None

    def do(*, request: Request, visit: Visit, form: BaseModel | None = None, **arguments: Any) -> Response:
        given = {"body": form} if body is not None else {}
        try:
            result = act(**arguments, **given)
        except PostaiError as error:
            if failed is None:
                raise
            return failed(request, visit, form, error)
        return answer(request, visit, form, result)

    own = [_keyword("request", Request), _keyword("visit", Visiting)]
    if body is not None:
        own.append(_keyword("form", Annotated[body, Depends(_form_of(body))]))
    return _with_signature(do, act, own, drop=("body",))


def _form_of(model: type[BaseModel]) -> Callable[..., Any]:
    async def read(request: Request) -> BaseModel:
        fields = {name: value for name, value in (await form_fields(request)).items() if name != CSRF_FIELD}
        try:
            return model.model_validate({name: value for name, value in fields.items() if value != ""})
        except ValidationError as error:
            places = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise UsageError("the form has a mistake", detail=places, hint="Go back and mend it.") from None

    return read


def _keyword(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)


def _with_signature(
    function: Callable[..., Response], like: Callable[..., Any], own: list[inspect.Parameter], drop: tuple[str, ...]
) -> Callable[..., Response]:
    """`function` with the parameters of `like` and its own: FastAPI reads what to pass from them."""
    taken = {one.name for one in own}
    kept = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, one in inspect.signature(like, eval_str=True).parameters.items()
        if name not in drop and name not in taken
    ]
    if "visit" in inspect.signature(like).parameters:
        raise TypeError(f"{like.__name__}: a handler takes the visit as `by: Visiting`")
    vars(function)["__signature__"] = inspect.Signature([*own, *kept], return_annotation=Response)
    function.__name__ = like.__name__
    return function
