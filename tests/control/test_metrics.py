"""The counters as Prometheus text."""

from __future__ import annotations

import re

from mockserver.engine.engine import Engine
from tests.desk import Desk
from tests.doors import BODY

_LINE = re.compile(r'(mockserver_\w+)(?:\{((?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\d+)')


def read(desk: Desk) -> dict[str, int]:
    """The samples by name and labels. Every line must be one that Prometheus reads."""
    text = desk.get("/metrics")
    assert text.endswith("\n")
    samples: dict[str, int] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            found = _LINE.fullmatch(line)
            assert found, line
            samples[line.rpartition(" ")[0]] = int(found.group(3))
    return samples


def test_calls_are_counted_by_operation_status_and_reason(engine: Engine) -> None:
    desk = Desk(engine)
    desk.api.send(json=BODY)
    desk.api.send(json={})
    desk.api.send("GET", "/secret/path")
    desk.api.send(key="sk_test_ns-other_x", json=BODY)
    samples = read(desk)
    created = 'mockserver_calls_total{operation="createApiKey",status="201",reason="created"}'
    assert samples[created] == 2
    assert (
        samples['mockserver_calls_total{operation="createApiKey",status="422",reason="invalid_request"}'] == 1
    )
    assert samples['mockserver_calls_total{operation="",status="404",reason="no_such_operation"}'] == 1
    assert (samples["mockserver_journal_calls"], samples["mockserver_namespaces"]) == (4, 2)
    assert "secret" not in desk.get("/metrics")
    assert "sk_test" not in desk.get("/metrics")
    desk.ask("POST", "/reset")
    assert read(desk)[created] == 2
    assert read(desk)["mockserver_journal_calls"] == 1


def test_what_the_guard_refused_is_counted(engine: Engine) -> None:
    engine.refusals['a "reason"\n'] += 3
    assert read(Desk(engine))['mockserver_refused_total{reason="a \\"reason\\"\\n"}'] == 3
