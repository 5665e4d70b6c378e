"""One of several processes that share a server: a bunch of tests, each in a namespace of its own.

Run as a program: `parallel_worker.py HOST PORT PROCESS TESTS`. It needs nothing but the standard library and
prints what went wrong, as JSON.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
from typing import Any

BODY = {"permissions": {"account:api:key": ["read"]}}


class Client:
    """A connection to the server, as one namespace uses it: named by the credential, or by the path."""

    def __init__(self, connection: http.client.HTTPConnection, name: str, *, by_path: bool) -> None:
        self._connection = connection
        self._name = name
        self._prefix = f"/~{name}" if by_path else ""
        key = "sk_test_parallel" if by_path else f"sk_test_ns-{name}_parallel"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return self._ask(method, self._prefix + path, body)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        status, value = self._ask(method, f"/~{self._name}/__admin{path}", body)
        assert status == 200, value
        return value

    def _ask(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        content = None if body is None else json.dumps(body)
        self._connection.request(method, path, content, self._headers)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())


def run_test(client: Client, source: random.Random, name: str) -> None:
    """Some calls in some order, then every count and every content, exactly."""
    creates = [f"{name}-{number}" for number in range(source.randint(1, 5))]
    lists, strays = source.randint(0, 2), source.randint(0, 1)
    tasks: list[tuple[str, str, Any]] = [
        ("POST", "/v1/api-keys/?account_id=acct_1", {**BODY, "name": text}) for text in creates
    ]
    tasks += [("GET", "/v1/api-keys/?account_id=acct_1", None)] * lists
    tasks += [("GET", "/v1/nowhere", None)] * strays
    source.shuffle(tasks)
    answers = [client.call(*task)[0] for task in tasks]
    assert sorted(answers) == sorted([201] * len(creates) + [200] * lists + [404] * strays), answers
    verdict = client.control(
        "POST",
        "/verify",
        {
            "expected": [
                {"operation": "createApiKey", "exactly": len(creates)},
                {"operation": "listApiKeys", "exactly": lists},
                {"request": {"urlPath": "/v1/nowhere"}, "exactly": strays},
            ],
            "nothingElse": True,
        },
    )
    assert verdict["ok"], verdict
    journal = client.control("GET", "/calls")
    assert journal["total"] == len(tasks)
    assert [call["number"] for call in journal["calls"]] == list(range(1, len(tasks) + 1))
    sent = [call["request"]["body"]["name"] for call in journal["calls"] if call["request"]["body"]]
    assert sent == [body["name"] for _, _, body in tasks if body]
    status, listed = client.call("GET", "/v1/api-keys/?account_id=acct_1")
    assert status == 200
    assert (len(listed["data"]), listed["total"]) == (len(creates), len(creates))


def main(host: str, port: str, process: str, tests: str) -> None:
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    source = random.Random(int(process))
    problems = []
    order = list(range(int(tests)))
    source.shuffle(order)
    for number in order:
        name = f"p{process}-t{number}"
        try:
            run_test(Client(connection, name, by_path=number % 2 == 0), source, name)
        except AssertionError as error:
            problems.append(f"{name}: {error}")
    sys.stdout.write(json.dumps(problems))


if __name__ == "__main__":
    main(*sys.argv[1:])
