"""The control API of an engine, beside the API that it controls: what tests of its routes share."""

from __future__ import annotations

from typing import Any

from mockserver.client.local import wait_for_answer
from mockserver.control import Control, ControlAnswer, Listing, Question, Stream
from mockserver.engine.engine import Engine
from mockserver.journal.call import Call
from mockserver.journal.journal import Journal
from mockserver.json_codec import dumps
from mockserver.state.namespace import Namespace
from mockserver.types import UNSET
from tests.doors import Api, engine_api

ORIGIN = "http://localhost:4020"


class Desk:
    """One engine, asked and called without a socket."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.api: Api = engine_api(engine)
        self.control = Control(engine)

    @property
    def namespace(self) -> Namespace:
        return self.engine.namespaces.default

    @property
    def journal(self) -> Journal:
        return self.namespace.journal

    @property
    def last_call(self) -> Call:
        return next(reversed(self.journal))

    def answer(
        self, method: str, target: str, body: Any = UNSET, *, namespace: str = "default"
    ) -> ControlAnswer | Question | Stream:
        """What a control route gives, unanswered questions included."""
        path, _, query = target.partition("?")
        content = b"" if body is UNSET else dumps(body)
        answer = self.control.begin(method, path, query, content, namespace=namespace, origin=ORIGIN)
        return answer.finish() if isinstance(answer, Listing) else answer

    def ask(self, method: str, target: str, body: Any = UNSET, namespace: str = "default") -> tuple[int, Any]:
        """Status and value of the answer of a control route, waiting for it if need be."""
        answer = self.answer(method, target, body, namespace=namespace)
        if isinstance(answer, Question):
            answer = wait_for_answer(answer)
        assert isinstance(answer, ControlAnswer)
        return answer.status, answer.value if answer.text is None else answer.text

    def get(self, target: str, *, namespace: str = "default") -> Any:
        """The value of a route that answers 200."""
        status, value = self.ask("GET", target, namespace=namespace)
        assert status == 200, value
        return value

    def post(self, target: str, body: Any, *, namespace: str = "default") -> Any:
        """The value of a route that answers 200."""
        status, value = self.ask("POST", target, body, namespace=namespace)
        assert status == 200, value
        return value

    def post_any(self, target: str, body: Any) -> Any:
        """The value of a route that answers 2xx."""
        status, value = self.ask("POST", target, body)
        assert status < 300, value
        return value

    def refused(self, method: str, target: str, body: Any = UNSET) -> tuple[int, list[str]]:
        """Status of a refusal, and the pointers and texts of everything that is wrong."""
        status, value = self.ask(method, target, body)
        assert status >= 400, value
        return status, [error["detail"] for error in value["errors"]]

    def misplaced(self, method: str, target: str, body: Any = UNSET) -> list[str]:
        """The pointers of everything that is wrong with a body."""
        status, value = self.ask(method, target, body)
        assert status == 422, value
        assert all(error.keys() == {"code", "source", "title", "detail"} for error in value["errors"])
        return [error["source"]["pointer"] for error in value["errors"]]
