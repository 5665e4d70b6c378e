"""What is done at load is not done for a call, and calls beyond the bounds leave nothing behind."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from mockserver.contract import schema_registry
from mockserver.messages import build_request
from mockserver.request.memory import SIZE
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from mockserver.state import resources
from tests.doors import BODY, CREATE

KEY = {"Authorization": "Bearer sk_test_x"}


def test_schemas_are_compiled_at_load_and_never_for_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    compile_one = schema_registry._compile_fast

    def count(schema: Any, pointer: str, *more: Any) -> Any:
        compiled.append(pointer)
        return compile_one(schema, pointer, *more)

    monkeypatch.setattr(schema_registry, "_compile_fast", count)
    engine = build_engine(Settings())
    at_load = len(compiled)
    assert at_load > 10
    for body in ({}, BODY, BODY | {"expires_at": "tomorrow"}):
        for _ in range(20):
            engine.handle(build_request("POST", CREATE, json=body, headers=KEY))
    assert len(compiled) == at_load


def test_calls_beyond_the_bounds_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_ITEMS", "MAX_COUNTED_REQUESTS"):
        monkeypatch.setattr(resources, name, 50)
    engine = build_engine(Settings(journal_limit=50))
    memory = engine.heads.memory
    count = 2 * SIZE

    def count_objects() -> int:
        for number in range(count):
            request = build_request(
                "POST",
                f"/v1/api-keys/?account_id=acct_{number}",
                json=BODY | {"name": f"n{number}"},
                headers=KEY | {"X-Request-Id": str(number)},
            )
            assert engine.handle(request).status == 201
        assert SIZE <= len(memory) <= 2 * SIZE
        # How full it is depends on what came last.
        memory._younger.clear()
        memory._older.clear()
        gc.collect()
        return len(gc.get_objects())

    count_objects()
    sizes = [count_objects() for _ in range(4)]
    assert max(sizes) - min(sizes) < count / 10, sizes
