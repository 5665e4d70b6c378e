"""The adapter of requests; the only module that knows requests and its urllib3.

A connection of urllib3 gets a wire where its socket would be. So retries, timeouts and errors are those of
the libraries themselves.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any

try:
    import requests
    import requests.adapters
    import urllib3

    # As they are now: vcrpy puts others in their places while it plays a cassette.
    from urllib3.connection import HTTPConnection, HTTPSConnection
except ImportError:
    raise ImportError(
        "requests_adapter() needs requests, which is missing: pip install 'hsrcpay-mockserver[requests]'",
        name="requests",
    ) from None

from mockserver.client.wires import NamespaceRoute, Wire


def _load_unpatched(name: str) -> ModuleType:
    """A module of its own, as its file has it: `responses` puts its own `send` into that of all others."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        # Without PySocks, urllib3 warns; requests filters that warning out when it is imported.
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    return module


_send = _load_unpatched("requests.adapters").HTTPAdapter.send


class SandboxAdapter(requests.adapters.HTTPAdapter):
    """An adapter for `requests.Session.mount`. The host of a URL does not matter to it, nor do proxies.

    Each request goes over a wire of its own. `options` are those of `requests.adapters.HTTPAdapter`.
    """

    def __init__(self, route: NamespaceRoute, **options: Any) -> None:
        self._route = route
        super().__init__(**options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Let the connections of both schemes be wires."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _make_pools(self._route)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Answer one request. Raises what requests raises on a connection to a server."""
        response: requests.Response = _send(self, request, stream, timeout, verify, cert, None)
        return response

    def request_url(self, request: requests.PreparedRequest, proxies: Mapping[str, str] | None) -> str:
        """The target of a request, in this namespace."""
        return self._route.enter(request.path_url.encode("ascii")).decode("ascii")


def _make_pools(route: NamespaceRoute) -> dict[str, Any]:
    """Pools of connections, by scheme, that are wires."""

    class WireConnection:
        """What connections of both schemes have in common. Each request gets one of its own."""

        sock: Any = None
        timeout: Any

        def connect(self) -> None:
            self.sock = self._open()
            # No network lies between.
            self.is_verified = True

        def _open(self) -> Wire:
            try:
                return route.open_wire(self.timeout)
            except TimeoutError as error:
                raise urllib3.exceptions.ConnectTimeoutError(self, str(error)) from error
            except OSError as error:
                raise urllib3.exceptions.NewConnectionError(self, str(error)) from error  # type: ignore[arg-type]

        def putheader(self, header: str, *values: Any) -> None:
            if header.lower() == "host":
                if self.sock is None:
                    self.connect()
                values = (self.sock.host,)
            super().putheader(header, *values)  # type: ignore[misc]

        @property
        def is_connected(self) -> bool:
            return False

    class Connection(WireConnection, HTTPConnection):  # type: ignore[misc]
        """For http."""

    class SecureConnection(WireConnection, HTTPSConnection):  # type: ignore[misc]
        """For https."""

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}
