"""One server for many processes: it lives as long as any of them, however they end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mockserver import MockServerError, Settings, connect

if sys.platform == "win32":
    pytest.skip("there are no such locks", allow_module_level=True)

from mockserver.json_codec import dumps
from mockserver.pytest_plugin import servers

SETTINGS = Settings(port=0, seed="shared")
MEMBER = """
import sys
from mockserver import Settings
from mockserver.pytest_plugin.servers import join
membership = join(sys.argv[1], Settings(port=0, seed="shared"))
print(membership.origin, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has its own place for the files of groups."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def wait_for_end(origin: str) -> None:
    """Return when a server is gone; fail if it does not go."""
    url = urlsplit(origin)
    try:
        client = socket.create_connection((url.hostname, url.port or 0), timeout=60)
    except ConnectionRefusedError:
        return
    with client:
        assert client.recv(1) == b"", "the server did not end"


def folder_of(group: str, settings: Settings = SETTINGS) -> Path:
    return servers.find_folder(dumps([group, servers.write_settings(settings)]))


@contextmanager
def member(group: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process in a group, and the origin that it was given."""
    with subprocess.Popen(
        [sys.executable, "-c", MEMBER, group], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_members_of_a_group_have_one_server() -> None:
    with closing(ServerOf("g")) as first, closing(ServerOf("g")) as second:
        assert first.origin == second.origin
        assert (first.process, second.process) == (first.process, first.process)
        connect(first.origin).fail_next(500)
        assert len(connect(second.origin).stubs()) == len(connect(first.origin).stubs())


class ServerOf:
    """A membership of this process."""

    def __init__(self, group: str, settings: Settings = SETTINGS) -> None:
        self.membership = servers.join(group, settings)
        self.origin, self.process = self.membership.origin, self.membership.process

    def close(self) -> None:
        self.membership.leave()


def test_the_server_ends_with_the_last_member_and_leaves_nothing() -> None:
    first, second = ServerOf("g"), ServerOf("g")
    first.close()
    first.close()
    assert connect(second.origin).calls() == []
    assert [path.name for path in folder_of("g").iterdir()] != []
    second.close()
    wait_for_end(second.origin)
    assert not folder_of("g").exists()


def test_a_group_can_begin_again() -> None:
    with closing(ServerOf("g")) as first:
        pass
    with closing(ServerOf("g")) as second:
        # The first one may still be ending; whoever joins gets one that does not.
        assert connect(second.origin).calls() == []
    wait_for_end(first.origin)
    wait_for_end(second.origin)


def test_other_settings_and_other_groups_have_other_servers() -> None:
    with ExitStack() as stack:
        servers = [
            stack.enter_context(closing(ServerOf(group, settings)))
            for group, settings in (("g", SETTINGS), ("g", Settings(port=0)), ("h", SETTINGS))
        ]
        assert len({server.origin for server in servers}) == 3


def test_processes_that_come_at_once_get_one_server() -> None:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", MEMBER, "g"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(4)
        ]
        origins = {process.stdout.readline().strip() for process in processes if process.stdout}
        for process in processes:
            process.kill()
    assert len(origins) == 1
    wait_for_end(origins.pop())
    assert not folder_of("g").exists()


def test_a_process_that_is_killed_is_gone_from_its_group() -> None:
    with member("g") as (first, origin), member("g") as (second, other):
        assert origin == other
        first.send_signal(signal.SIGKILL)
        first.wait(60)
        assert connect(origin).calls() == []
        second.send_signal(signal.SIGKILL)
        second.wait(60)
        wait_for_end(origin)
    assert not folder_of("g").exists()


def test_the_server_is_not_hit_by_ctrl_c() -> None:
    with closing(ServerOf("g")) as server:
        assert os.getsid(server.process) == server.process != os.getsid(0)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    contract = tmp_path / "openapi.json"
    contract.write_text("{}", encoding="utf-8")
    settings = Settings(port=0, contract=contract)
    for _ in range(2):
        with pytest.raises(MockServerError, match=r"(?s)did not start: .*openapi\.json"):
            servers.join("g", settings)
        assert not folder_of("g", settings).exists()


def test_a_process_that_dies_at_its_start_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(MockServerError, match=r"did not start: .+"):
        servers.join("g", SETTINGS)
    assert not folder_of("g").exists()


def test_settings_survive_the_way() -> None:
    settings = Settings(port=0, jwt_secret="s3cret", allowed_host=("a", "b"), jwks=Path("keys.json"))
    again = Settings().with_changes(servers.write_settings(settings))
    assert again == Settings(
        port=0, jwt_secret="s3cret", allowed_host=("a", "b"), jwks=Path("keys.json").resolve()
    )


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "folder"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(MockServerError, match="is no folder of yours"):
        servers._lock_users(link)
