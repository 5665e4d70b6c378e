"""Processes that write to one store and are killed meanwhile: `python -m tests.state.killing STORE TIMES`.

The engine is loaded once and forked, as loading takes longer than all else. Each name that was answered is
printed, with the answer, as a line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from mockserver.engine.engine import Engine
from mockserver.messages import Request, build_request
from mockserver.serving.building import build_engine
from mockserver.settings import Settings

# Processes that write at the same time.
WRITERS = 3


def create(name: str) -> Request:
    """A call that is answered in the same way however often it is made."""
    body = {"name": name, "permissions": {"account:api:key": ["read"]}}
    headers = {"Authorization": "Bearer sk_test_local", "Idempotency-Key": name}
    return build_request("POST", "/v1/api-keys/?account_id=acct_1", headers=headers, json=body)


def write(engine: Engine, turn: int, writer: int, pipe: int) -> None:
    """Make calls until killed, and tell of each answer."""
    number = 0
    while True:
        number += 1
        name = f"{turn}-{writer}-{number}"
        answer = engine.handle(create(name))
        line = json.dumps([name, answer.status, answer.body.decode()]) + "\n"
        os.write(pipe, line.encode())


def main(store: str, times: int) -> None:
    engine = build_engine(Settings(store=store))
    for turn in range(times):
        reading, writing = os.pipe()
        children = []
        for writer in range(WRITERS):
            child = os.fork()
            if child == 0:
                try:
                    write(engine, turn, writer, writing)
                finally:
                    os._exit(1)
            children.append(child)
        os.close(writing)
        with os.fdopen(reading, "rb") as answers:
            # Another number each time, so that they are in the midst of something else.
            told = [answers.readline() for _ in range(1 + turn % 8)]
            for child in children:
                os.kill(child, signal.SIGKILL)
            told += answers.readlines()
        for child in children:
            os.waitpid(child, 0)
        # The last line of each may be cut.
        sys.stdout.buffer.writelines(line for line in told if line.endswith(b"\n"))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
