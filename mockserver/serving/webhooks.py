"""Sends webhooks: one after the other, each when it is due, to loopback and to the hosts that are allowed."""

from __future__ import annotations

import heapq
import http.client
import ipaddress
import logging
import threading
import time
from collections.abc import Iterable
from itertools import count
from urllib.parse import urlsplit

from mockserver.clocks import real_millis
from mockserver.scripting.webhooks import Webhook

logger = logging.getLogger("mockserver")

TIMEOUT_SECONDS = 5.0
# So much of an answer is read, and nothing of it kept.
_MAX_READ = 64 * 1024


class WebhookSender:
    """Sends what it is given in a thread of its own, which begins with the first webhook.

    The order is that of the times at which they are due, equals in the order given. `hosts` may be sent to
    beside loopback. A delivery that fails is noted in its record and tried no more.
    """

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, Webhook]] = []
        self._numbers = count()
        self._thread: threading.Thread | None = None

    def send(self, webhooks: Iterable[Webhook]) -> None:
        """Send webhooks when their delays are over. Returns at once."""
        now = time.monotonic()
        with self._changed:
            for webhook in webhooks:
                if webhook.state == "pending":
                    heapq.heappush(self._due, (now + webhook.delay_seconds, next(self._numbers), webhook))
            if self._due and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mockserver webhooks", daemon=True)
                self._thread.start()
            self._changed.notify()

    def stop(self) -> None:
        """Cancel what is not sent yet, and end the thread once it has sent what it is sending."""
        with self._changed:
            for _, _, webhook in self._due:
                webhook.cancel()
            self._due.clear()
            self._thread = None
            self._changed.notify()

    def _run(self) -> None:
        while (webhook := self._next()) is not None:
            self._deliver(webhook)

    def _next(self) -> Webhook | None:
        """The next one, once it is due; None when there is nothing to do any more."""
        with self._changed:
            while self._thread is threading.current_thread():
                while self._due and self._due[0][2].state != "pending":
                    heapq.heappop(self._due)
                if not self._due:
                    # Another thread begins with the next webhook.
                    self._thread = None
                    return None
                wait = self._due[0][0] - time.monotonic()
                if wait <= 0:
                    return heapq.heappop(self._due)[2]
                # A reset cancels without a word, so that is looked for now and then.
                self._changed.wait(min(wait, 1.0))
        return None

    def _deliver(self, webhook: Webhook) -> None:
        parts = urlsplit(webhook.url)
        host = parts.hostname or ""
        if not is_loopback(host) and host.lower() not in self._hosts:
            webhook.error = f"the host {host!r} is not allowed; start with `--webhook-host {host}`"
            webhook.state = "refused"
            logger.warning("webhook %s refused: %s", webhook.id, webhook.error)
            return
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(host, parts.port, timeout=TIMEOUT_SECONDS)
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        webhook.sent_millis = real_millis()
        try:
            connection.putrequest(webhook.method, target, skip_accept_encoding=True)
            for name, value in webhook.headers:
                connection.putheader(name.decode("ascii"), value)
            if webhook.body or webhook.method not in ("GET", "HEAD", "DELETE"):
                connection.putheader("Content-Length", str(len(webhook.body)))
            connection.endheaders(webhook.body or None)
            answer = connection.getresponse()
            answer.read(_MAX_READ)
        except (OSError, http.client.HTTPException, ValueError) as error:
            webhook.error = f"{type(error).__name__}: {error}"
            webhook.state = "failed"
            logger.info("webhook %s failed: %s", webhook.id, webhook.error)
        else:
            webhook.status = answer.status
            webhook.state = "delivered"
        finally:
            connection.close()


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or its address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
