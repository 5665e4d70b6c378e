"""One server for many processes: the first that wants it starts it, and it ends when the last one is gone.

Whoever uses the server holds a shared lock on a file as long as it lives; the server waits for an exclusive
one, and that is its whole life. The kernel takes a process's locks away however the process ends (flock(2)),
so no crash leaves a server behind, nor a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mockserver.exceptions import MalformedJson, MockServerError
from mockserver.json_codec import dumps, loads
from mockserver.settings import Settings
from mockserver.types import JsonObject

USERS, STARTING, STATE = "users.lock", "starting.lock", "server.json"


class Membership:
    """A place among those who use a server. It ends with `leave`, or with the process.

    `origin` is the server's scheme, host and port; `process` the id of its process.
    """

    def __init__(self, lock: int, state: JsonObject) -> None:
        self._lock: int | None = lock
        self.origin = str(state["origin"])
        self.process = int(state["process"])

    def leave(self) -> None:
        """Give up the place. Safe to call twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def join(group: str, settings: Settings) -> Membership:
    """Use the server of a group, starting it if nobody has yet.

    A group is any text that its members agree on; those with other settings get another server. Raises
    MockServerError if the server does not start, with what it says.
    """
    document = write_settings(settings)
    folder = find_folder(dumps([group, document]))
    lock = _lock_users(folder)
    try:
        with _locked(folder / STARTING):
            state = _read_state(folder) or _start(folder, document)
    except BaseException:
        _tidy_if_alone(folder, lock)
        os.close(lock)
        raise
    return Membership(lock, state)


def find_folder(identity: bytes) -> Path:
    """Where the files of a group lie."""
    digest = hashlib.sha256(identity + str(os.getuid()).encode("ascii")).hexdigest()
    return Path(tempfile.gettempdir()) / f"mockserver-{digest[:32]}"


def write_settings(settings: Settings) -> JsonObject:
    """Settings as JSON, paths in full; `Settings().with_changes` reads it."""
    written: JsonObject = {}
    for name in Settings.__dataclass_fields__:
        value: Any = getattr(settings, name)
        if isinstance(value, Path):
            value = str(value.resolve())
        if value is not None:
            written[name] = list(value) if isinstance(value, tuple) else value
    return written


def _lock_users(folder: Path) -> int:
    """A file descriptor that holds the lock of a user."""
    while True:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        # A server that nobody used any more may tidy up at any moment: then it begins again.
        with contextlib.suppress(FileNotFoundError):
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
                raise MockServerError(f"{folder} is no folder of yours; set TMPDIR to one that is")
            lock = os.open(folder / USERS, os.O_RDWR | os.O_CREAT, 0o600)
            # Waits while one does so, and then finds its file gone.
            fcntl.flock(lock, fcntl.LOCK_SH)
            if _is_in_place(lock, folder):
                return lock
            os.close(lock)


def _is_in_place(lock: int, folder: Path) -> bool:
    """Whether the file of a lock is still the one that others would find."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(lock), os.stat(folder / USERS))
    return False


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _read_state(folder: Path) -> JsonObject | None:
    with contextlib.suppress(FileNotFoundError, MalformedJson):
        state = loads((folder / STATE).read_bytes())[0]
        return state if isinstance(state, dict) else None
    return None


def _start(folder: Path, settings: JsonObject) -> JsonObject:
    """Start the server; returns its state. Called with the lock of `STARTING` held."""
    answer = _spawn(dumps({"folder": str(folder), "settings": settings}))
    try:
        state = loads(answer)[0]
    except MalformedJson:
        text = answer.decode("utf-8", "replace").strip()
        raise MockServerError(
            f"the shared server did not start: {text or 'it ended without a word'}"
        ) from None
    if "error" in state:
        raise MockServerError(f"the shared server did not start: {state['error']}")
    (folder / STATE).write_bytes(answer)
    return dict(state)


def _spawn(message: bytes) -> bytes:
    """Start a process that runs `main`, send it a message, and return what it says until it falls silent.

    `subprocess.Popen` wants to see its child's end; this one is to outlive whoever starts it.
    """
    child_input, our_output = os.pipe()
    our_input, child_output = os.pipe()
    try:
        os.posix_spawn(
            sys.executable,
            # -P: what lies in the current folder is none of the server's business.
            [sys.executable, "-P", "-m", "mockserver.pytest_plugin.servers"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, child_input, 0),
                (os.POSIX_SPAWN_DUP2, child_output, 1),
                (os.POSIX_SPAWN_DUP2, child_output, 2),
            ],
        )
    finally:
        os.close(child_input)
        os.close(child_output)
    with open(our_output, "wb") as output, contextlib.suppress(BrokenPipeError):
        output.write(message)
    with open(our_input, "rb") as answers:
        return answers.read()


def _tidy_if_alone(folder: Path, lock: int) -> None:
    """Remove the files of a group that has no server and no other member."""
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _tidy(folder, lock)


def _tidy(folder: Path, lock: int) -> None:
    """Remove the files of a group. Called with the exclusive lock of its users held."""
    if _is_in_place(lock, folder):
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """The process of a shared server: serve until nobody holds the lock of a user any more."""
    message = loads(sys.stdin.buffer.read())[0]
    # Ctrl-C ends the tests; the server ends after them, by itself.
    os.setsid()
    from mockserver.client.local import MockServer

    folder = Path(message["folder"])
    try:
        server = MockServer(**message["settings"] | {"port": 0}).start()
    except MockServerError as error:
        _say({"error": str(error)})
        return
    with server:
        _say({"origin": server.origin, "process": os.getpid()})
        lock = os.open(folder / USERS, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        _tidy(folder, lock)


def _say(answer: JsonObject) -> None:
    """Say it to whoever started this process, if that still listens, and fall silent for good."""
    silence = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(BrokenPipeError):
        os.write(1, dumps(answer))
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.close(silence)


if __name__ == "__main__":
    main()
