"""Sandbox: the verbs of a test on one namespace. The same ones in this process and against a remote server.

    sandbox.fail_next(429, times=2, operation="createApiKey")
    create_key(sandbox.base_url, sandbox.secret_key)
    sandbox.verify("createApiKey", times=3)

Every verb is one control call, which a Door carries (see `doors`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, Unpack
from urllib.parse import quote, urlencode

from mockserver.client.options import NamespaceOptions
from mockserver.client.records import DocumentedError, NamedVariant, RecordedCall
from mockserver.client.reports import write_calls
from mockserver.client.threads import is_event_loop_running, run_in_thread
from mockserver.client.wires import NamespaceRoute
from mockserver.exceptions import (
    BadQuestion,
    ControlError,
    InvalidInput,
    Problem,
    SettingsError,
    StubError,
    Unanswerable,
    UnknownItem,
    VerificationError,
)
from mockserver.journal.explanations import explain, show_call
from mockserver.json_codec import dumps
from mockserver.settings import DEFAULT_NAMESPACE, read_namespace
from mockserver.types import UNSET, Json, JsonObject, UnsetType

if TYPE_CHECKING:
    from mockserver.client.doors import Door
    from mockserver.client.transports.httpx_transport import HttpxTransport
    from mockserver.client.transports.requests_adapter import SandboxAdapter


class SandboxClock:
    """The clock of one sandbox: it drives `created_at`, expiry, rate windows and idempotency."""

    __slots__ = ("_sandbox",)

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def __repr__(self) -> str:
        return f"<SandboxClock of {self._sandbox.name}>"

    @property
    def now(self) -> datetime:
        """What time it is in the sandbox, in UTC, to the millisecond."""
        return datetime.fromisoformat(self._sandbox._ask("GET", "/clock")["now"])

    @property
    def mode(self) -> str:
        """`real`, `frozen` or `shifted`."""
        return str(self._sandbox._ask("GET", "/clock")["mode"])

    def freeze(self, moment: str | datetime | None = None) -> None:
        """Stand still at a moment: an RFC 3339 text or a datetime with its zone; by default, now.

        Raises BadQuestion for a moment that is none.

            sandbox.clock.freeze("2026-01-01T00:00:00Z")
        """
        if isinstance(moment, datetime):
            if moment.tzinfo is None:
                raise BadQuestion([Problem(f"{moment!r} has no zone; give it tzinfo=UTC, for example")])
            moment = moment.isoformat()
        body: JsonObject = {"mode": "frozen"} if moment is None else {"mode": "frozen", "now": moment}
        self._sandbox._ask("PUT", "/clock", body)

    def advance(self, seconds: float | timedelta) -> None:
        """Move on by so many seconds (or a timedelta) at once; a negative number moves back.

        Raises BadQuestion for a time outside the years 1 to 9999.

            sandbox.clock.advance(3600)
        """
        span = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        self._sandbox._ask("PUT", "/clock", {"advanceSeconds": span})

    def run_real(self) -> None:
        """Follow the machine's own time again.

        sandbox.clock.run_real()
        """
        self._sandbox._ask("PUT", "/clock", {"mode": "real"})


_STOOD_STILL = (
    "An event loop runs in this thread and stood still during the wait, and so did every client on it: "
    "use `await sandbox.wait_for_async(…)` or `await sandbox.verify_async(…)`."
)

# An operationId, a WireMock request pattern, or an entry of `expected` in `POST /__admin/verify`.
What = str | Mapping[str, Any]


class Sandbox:
    """What one namespace holds, and the verbs on it. Made by MockServer, `namespace()` and `connect()`.

    Used as a context manager it gives up its connections at the end; nothing is lost without.
    """

    def __init__(self, door: Door, name: str = DEFAULT_NAMESPACE, *, opened: set[str] | None = None) -> None:
        try:
            self.name = read_namespace(name)
        except ValueError as error:
            raise BadQuestion([Problem(str(error))]) from None
        self._door = door
        # The namespaces that were opened from one another, by a test and for it.
        self._opened = set() if opened is None else opened
        self._credentials: dict[str | None, str] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._door.close()

    # Where it is, and who may come in.

    @property
    def origin(self) -> str:
        """Scheme, host and port: `http://127.0.0.1:49213`. Raises MockServerError if nothing listens."""
        return self._door.origin

    @property
    def base_url(self) -> str:
        """What stands for the contract's server URL: `http://127.0.0.1:49213/~t1/v1`.

        Without a slash at its end, like that. Raises MockServerError if nothing listens.
        """
        return f"{self.url}{self._door.prefix}"

    @property
    def url(self) -> str:
        """What `connect` takes to come here: `http://127.0.0.1:49213/~t1`. Raises as `origin` does."""
        return self.origin if self.name == DEFAULT_NAMESPACE else f"{self.origin}/~{self.name}"

    def url_for(self, path: str) -> str:
        """The URL of a path of the API; with and without a slash at its start. Raises as `origin` does.

        requests.get(sandbox.url_for("/api-keys/"))
        """
        return f"{self.base_url}/{path.removeprefix('/')}"

    @property
    def ca_file(self) -> str | None:
        """The file of the authority that signed the certificate of a server with TLS; None without.

        It is what `SSL_CERT_FILE`, `NODE_EXTRA_CA_CERTS`, `curl --cacert` and `verify=` of requests take.
        """
        return self._door.ca_file

    def credential(self, scheme: str | None = None) -> str:
        """A credential that is let in and leads into this namespace by itself.

        `scheme` names a security scheme of the contract; the first one counts without it. The text is the key
        itself, or what stands behind the scheme's name in Authorization: a token, the base64 of
        `user:password`. Raises UnknownItem for a scheme that the contract lacks.

            client.headers["Authorization"] = f"Bearer {sandbox.credential('bearerAuth')}"
        """
        known = self._credentials.get(scheme)
        if known is None:
            query = "" if scheme is None else f"?{urlencode({'scheme': scheme})}"
            known = self._credentials[scheme] = str(self._ask("GET", f"/credential{query}")["credential"])
        return known

    @property
    def secret_key(self) -> str:
        """The credential of the first scheme: it may do everything."""
        return self.credential()

    @property
    def publishable_key(self) -> str:
        """A key that may never create anything, where the API has such."""
        return self.credential("publishable")

    def jwt(
        self,
        permissions: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        *,
        expires_in_seconds: int = 3600,
    ) -> str:
        """An access token that leads into this namespace, signed by the server's own provider.

        `permissions` is a list (`["account:api:key:create"]`) or a map (`{"account:api:key": ["create"]}`);
        without it the token may do everything. It expires `expires_in_seconds` after the sandbox's present.
        Raises BadQuestion for what no token can have.

            client.headers["Authorization"] = f"Bearer {sandbox.jwt(['account:api:key:create'])}"
        """
        body: JsonObject = {"expiresInSeconds": expires_in_seconds}
        if permissions is not None:
            body["permissions"] = _plain(permissions)
        return str(self._ask("POST", "/tokens", body)["token"])

    # Script it.

    def fail_next(
        self,
        status: int | None = None,
        *,
        times: int = 1,
        operation: str | None = None,
        fault: str | None = None,
        phase: str = "before",
        delay: float = 0.0,
        body: Json | UnsetType = UNSET,
        headers: Mapping[str, str] | None = None,
        off_contract: bool = False,
        reason: str | None = None,
    ) -> str:
        """Let the next calls fail; returns the id of the stub that does it.

        `status` is a documented error status, its body comes from the contract unless `body` (a text, or
        any other JSON) is given. `fault` damages the answer on its way (`CONNECTION_RESET_BY_PEER`, …).
        `times` is how many calls fail, `operation` which operation's (any if not given). With
        `phase="after_commit"` the operation is carried out and only its answer is lost. `delay` is in
        seconds. `off_contract` allows an answer that the contract does not. `reason` is which of the errors
        of the status is meant.

        Raises StubError with every problem: an unknown operation or fault, a status that the operation does
        not document, a body that breaks the contract.

            sandbox.fail_next(429, times=2, operation="createApiKey")
            sandbox.fail_next(401, reason="expired_credential")
            sandbox.fail_next(fault="CONNECTION_RESET_BY_PEER", phase="after_commit")
        """
        if status is None and fault is None:
            raise StubError([Problem("fail_next needs a status such as 429, or a fault", "/response")])
        if fault is None and isinstance(status, int) and status < 400:
            hint = "use queue() or stub() to script an answer that is none"
            raise StubError([Problem(f"{status} is no failure; {hint}", "/response/status")])
        response: JsonObject = {"status": status, "fault": fault and str(fault), "headers": _plain(headers)}
        if body is not UNSET:
            response["body" if isinstance(body, str) else "jsonBody"] = body
        if delay:
            response["fixedDelayMilliseconds"] = round(delay * 1000)
        own: JsonObject = {"times": times, "operation": operation, "phase": str(phase), "reason": reason}
        if off_contract:
            own["offContract"] = True
        return self.stub(
            {"request": {}, "response": _given(response), "metadata": {"mockserver": _given(own)}}
        )

    def queue(self, operation: str, outcomes: Iterable[int | Mapping[str, Any]]) -> list[str]:
        """Script the next answers of an operation, to be used up in this order; returns the ids of the stubs.

        An outcome is a status, or a mapping of `status`, `reason`, `body`, `headers`, `fault`, `phase`,
        `delay` (seconds), `times` and `offContract`. Raises StubError with every problem of every outcome.

            sandbox.queue("createApiKey", [500, {"fault": "EMPTY_RESPONSE", "phase": "after_commit"}, 201])
        """
        if not isinstance(outcomes, Iterable) or isinstance(outcomes, str | bytes | Mapping):
            text = f"must be a list of outcomes such as [500, 201], and is {outcomes!r}"
            raise StubError([Problem(text, "/outcomes")])
        body = {"operation": operation, "outcomes": [_plain(outcome) for outcome in outcomes]}
        return [mapping["id"] for mapping in self._ask("POST", "/queue", body, error=StubError)["mappings"]]

    def stub(self, mapping: Mapping[str, Any]) -> str:
        """Add a stub in WireMock's JSON; returns its id. Raises StubError with every problem.

        sandbox.stub({
            "request": {"method": "POST", "urlPath": "/v1/api-keys/"},
            "response": {"status": 500, "fixedDelayMilliseconds": 200},
            "metadata": {"mockserver": {"times": 1}},
        })
        """
        return str(self._ask("POST", "/mappings", _plain(mapping), error=StubError)["id"])

    def stubs(self) -> list[JsonObject]:
        """The stubs of the sandbox in WireMock's JSON, newest first; those used up are gone.

        assert sandbox.stubs()[0]["response"]["status"] == 429
        """
        mappings: list[JsonObject] = self._ask("GET", "/mappings")["mappings"]
        return mappings

    def remove_stub(self, stub_id: str) -> None:
        """Take a stub out. Raises UnknownItem for an unknown id.

        sandbox.remove_stub(sandbox.fail_next(500, times=100))
        """
        self._ask("DELETE", f"/mappings/{quote(stub_id, safe='')}")

    def release(self, stub_id: str) -> int:
        """Let go the answers that a stub holds now (`"hold": true`); returns how many there were.

        Raises UnknownItem for an unknown id.

            sandbox.release(stub_id)
        """
        return int(self._ask("POST", f"/mappings/{quote(stub_id, safe='')}/release")["released"])

    @property
    def errors(self) -> list[DocumentedError]:
        """Every documented error: `operation`, `status`, `reason`, `body`, and `provoke`, ways to get it.

        for error in sandbox.errors: print(error.status, error.reason, error.provoke["python"])
        """
        return [DocumentedError(**entry) for entry in self._ask("GET", "/errors")["errors"]]

    def variant(self, name: str | None, *, operation: str | None = None, status: int | None = None) -> None:
        """Let every answer that has a variant of this name be it, until another is named or None.

        `operation` and `status` mean the answers of these alone. The operation is carried out as ever; two
        deviations at once are `"first+second"`. Raises BadQuestion, with the nearest, for a name that no such
        answer has.

            sandbox.variant("null-expires_at")
        """
        self._ask("PUT", "/variant", {"name": name, "operation": operation, "status": status})

    def variants(
        self,
        operation: str | None = None,
        *,
        status: int | None = None,
        name: str | None = None,
        pairs: bool = False,
        diff: bool = False,
    ) -> list[NamedVariant]:
        """The variants of answers: `name`, `operation`, `status`, `deviation`, and `legal`, false for those
        that break the contract.

        `pairs` lists any two legal ones at once instead; `diff` adds how each differs from the plain answer.
        Raises BadQuestion for an unknown operation or name.

            for variant in sandbox.variants("createApiKey", status=201): print(variant.name)
        """
        question = {"operation": operation, "status": status, "name": name}
        question |= {"pairs": "true" if pairs else None, "diff": "true" if diff else None}
        found = self._ask("GET", f"/variants?{urlencode(_given(question))}")["variants"]
        return [NamedVariant(**entry) for entry in found]

    # Ask what came.

    def calls(
        self,
        operation: str | None = None,
        *,
        status: int | None = None,
        since: str | datetime | None = None,
        limit: int | None = None,
    ) -> list[RecordedCall]:
        """The calls that came, oldest first; those in flight too.

        `operation` and `status` choose among them, `since` (an RFC 3339 text or a datetime with its zone)
        takes those after it, `limit` the newest. Raises BadQuestion for an operation that the contract lacks.

            assert sandbox.calls("createApiKey")[-1].json["name"] == "ci"
        """
        moment = since.isoformat() if isinstance(since, datetime) else since
        question = {"operation": operation, "status": status, "since": moment, "limit": limit}
        found = self._ask("GET", f"/calls?{urlencode(_given(question))}")
        return [RecordedCall(call) for call in found["calls"]]

    def find_calls(self, pattern: Mapping[str, Any]) -> list[RecordedCall]:
        """The calls that a WireMock request pattern matches, oldest first. Raises BadQuestion for no pattern.

        sandbox.find_calls({"headers": {"Idempotency-Key": {"absent": True}}})
        """
        ids = {request["id"] for request in self._ask("POST", "/requests/find", _plain(pattern))["requests"]}
        return [call for call in self.calls() if call.id in ids]

    @property
    def last_call(self) -> RecordedCall:
        """The newest call. Raises VerificationError if none came.

        assert sandbox.last_call.headers["content-type"] == "application/json"
        """
        __tracebackhide__ = True
        calls = self.calls(limit=1)
        if not calls:
            raise VerificationError(f"no call came to the sandbox {self.name!r}")
        return calls[0]

    def curl(self, call: RecordedCall | str) -> str:
        """A line for a shell that makes a call (or the call of an id) again, with a stand-in credential.

        Raises UnknownItem if the journal does not have it any more.

            print(sandbox.curl(sandbox.last_call))
        """
        id = call.id if isinstance(call, RecordedCall) else call
        return str(self._ask("GET", f"/calls/{quote(id, safe='')}?format=curl")).rstrip("\n")

    def verify(
        self,
        what: What,
        times: int | None = None,
        *,
        at_least: int | None = None,
        at_most: int | None = None,
        nothing_else: bool = False,
        timeout: float = 0.0,
    ) -> None:
        """Check how often something was called: exactly `times`, `at_least` or `at_most`; else at least once.

        `what` is an operationId or a WireMock request pattern. `nothing_else` demands that no other call
        came; `timeout` is how many seconds to wait for calls that are still to come.

        Raises VerificationError, an AssertionError, with the nearest calls and each difference; BadQuestion
        for what has no meaning, such as an unknown operation; Unanswerable if evicted calls, or
        calls with something hidden that the pattern looks at, could count.

            sandbox.verify("createApiKey", times=3)
            sandbox.verify({"method": "POST", "headers": {"Idempotency-Key": {"absent": True}}}, times=0)
        """
        counts = {"exactly": times, "atLeast": at_least, "atMost": at_most}
        __tracebackhide__ = True  # pytest: show the line of the test, not this one
        self._verify([_expectation(what) | _given(counts)], False, nothing_else, timeout)

    async def verify_async(
        self,
        what: What,
        times: int | None = None,
        *,
        at_least: int | None = None,
        at_most: int | None = None,
        nothing_else: bool = False,
        timeout: float = 0.0,
    ) -> None:
        """`verify` for a coroutine: the event loop of asyncio or trio goes on. Raises as it does.

        await sandbox.verify_async("createApiKey", times=1, timeout=5)
        """
        __tracebackhide__ = True
        await run_in_thread(
            lambda: self.verify(
                what, times, at_least=at_least, at_most=at_most, nothing_else=nothing_else, timeout=timeout
            )
        )

    def verify_in_order(self, *steps: What, nothing_else: bool = False, timeout: float = 0.0) -> None:
        """Check that calls came in this order: all of one step before those of the next.

        A step is an operationId, a request pattern, or an entry of `expected` in `POST /__admin/verify` such
        as `{"operation": "createApiKey", "exactly": 2}`. Raises as `verify` does.

            sandbox.verify_in_order("createApiKey", "listApiKeys", "deleteApiKey")
        """
        __tracebackhide__ = True
        self._verify([_expectation(step) for step in steps], True, nothing_else, timeout)

    def duplicates(self) -> list[list[RecordedCall]]:
        """The creates that were carried out more than once with the same meaning, a group for each.

        assert sandbox.duplicates() == []
        """
        found = self._ask("GET", "/audits/duplicates")["duplicates"]
        return [[RecordedCall(call) for call in duplicate["calls"]] for duplicate in found]

    def verify_no_duplicates(self) -> None:
        """Check that nothing was created twice: no two creates with the same meaning were carried out.

        That is what a retry without an idempotency key makes of an answer that was lost. Raises
        VerificationError with the calls.

            sandbox.verify_no_duplicates()
        """
        __tracebackhide__ = True
        lines = []
        for calls in self.duplicates():
            lines += [f"{calls[0].operation} was carried out {len(calls)} times with the same meaning:"]
            lines += [f"  {show_call(call.raw)}" for call in calls]
        if lines:
            raise VerificationError("\n".join(lines))

    def verify_retry_after(self) -> None:
        """Check that each retry came after the time that `Retry-After` asked for.

        Raises VerificationError with the calls that came too early.

            sandbox.verify_retry_after()
        """
        __tracebackhide__ = True
        retries = self._ask("GET", "/audits/retry-after")["retries"]
        lines = [
            f"call {retry['number']} of {retry['operation']} came after {retry['waitedSeconds']:g} s, "
            f"but {retry['askedSeconds']:g} s were asked for"
            for retry in retries
            if not retry["respected"]
        ]
        if lines:
            raise VerificationError("\n".join(lines))

    def _verify(self, expected: list[JsonObject], in_order: bool, nothing_else: bool, timeout: float) -> None:
        __tracebackhide__ = True
        body = {"expected": expected, "inOrder": in_order, "nothingElse": nothing_else}
        body |= {"timeoutMillis": round(timeout * 1000)} if timeout else {}
        answer = self._ask("POST", "/verify", body, wait_seconds=timeout)
        if not answer["ok"]:
            texts = [explain(failure) for failure in answer["failures"]]
            if timeout and is_event_loop_running():
                texts.append(_STOOD_STILL)
            raise VerificationError("\n\n".join(texts))

    def wait_for(self, what: What, times: int = 1, timeout: float = 5.0) -> list[RecordedCall]:
        """Wait until something was called `times` times; returns those calls, oldest first.

        Woken by the call itself; a call counts as soon as it is recorded, before its answer arrives.
        `timeout` is in seconds. A coroutine uses `await sandbox.wait_for_async(…)`.

        Raises VerificationError when the time is up, and else as `verify` does.

            sandbox.wait_for("createApiKey", times=2, timeout=10)
        """
        __tracebackhide__ = True
        self.verify(what, at_least=times, timeout=timeout)
        return self.calls(what) if isinstance(what, str) else self.find_calls(what)

    async def wait_for_async(self, what: What, times: int = 1, timeout: float = 5.0) -> list[RecordedCall]:
        """`wait_for` for a coroutine: the event loop of asyncio or trio goes on. Raises as it does.

        await sandbox.wait_for_async("createApiKey", times=2, timeout=10)
        """
        __tracebackhide__ = True
        return await run_in_thread(lambda: self.wait_for(what, times, timeout))

    def pact(self, consumer: str, provider: str, operation: str | None = None) -> JsonObject:
        """The calls, of all operations or of one, as a pact (version 4) between two sides.

        One interaction for each call that got a whole answer, with a credential that this server lets in, and
        with the contract's rules of type and pattern. Raises BadQuestion for an operation that the contract
        lacks.

            Path("checkout-hsrcpay.json").write_text(json.dumps(sandbox.pact("checkout", "hsrcpay")))
        """
        names = {"consumer": consumer, "provider": provider}
        query = urlencode(names | ({} if operation is None else {"operation": operation}))
        pact: JsonObject = self._ask("GET", f"/pact?{query}")
        return pact

    def report(self) -> str:
        """The newest calls, what was decided on each and why, what was wrong with it, and a curl line.

        That is what the pytest plugin shows of a failed test. Secrets are redacted.

            print(sandbox.report())
        """
        return write_calls(self, self.calls()) or f"No call came to the sandbox {self.name!r}."

    def assumptions(self, *, touched: bool = False) -> list[JsonObject]:
        """What of the contract is inferred or invented: `what`, `provenance` and `source` each; with
        `touched` only what the calls came upon, as far as counters can tell.

            assert all(each["provenance"] != "invented" for each in sandbox.assumptions(touched=True))
        """
        answer = self._ask("GET", "/assumptions?run=true" if touched else "/assumptions")
        assumptions: list[JsonObject] = answer["assumptions"]
        return assumptions

    def coverage(self, *, all_namespaces: bool = False) -> JsonObject:
        """How much of the contract the calls touched: `operations`, each with its items and their hits, and a
        `summary`; with `all_namespaces` by all calls since the server started.

            print(sandbox.coverage()["summary"]["percent"])
        """
        coverage: JsonObject = self._ask("GET", "/coverage?all=true" if all_namespaces else "/coverage")
        return coverage

    # Time and state.

    @property
    def clock(self) -> SandboxClock:
        """The clock of the sandbox.

        sandbox.clock.freeze("2026-01-01T00:00:00Z")
        """
        return SandboxClock(self)

    def configure(self, **settings: Unpack[NamespaceOptions]) -> None:
        """Change options for this sandbox alone, until it is reset: `seed`, `clock`, `success_status`, …

        Raises SettingsError with every problem.

            sandbox.configure(success_status=200, rate_limit="5/1m")
        """
        self._ask("PATCH", "/settings", dict(settings), error=SettingsError)

    def reset(self) -> None:
        """Everything as at the start: stubs of the files, no calls, no keys, clock and options too.

        sandbox.reset()
        """
        self._ask("POST", "/reset")

    def snapshot(self) -> str:
        """Keep stubs, keys, clock and options as they are now; returns the id for `restore`.

        before = sandbox.snapshot()
        """
        return str(self._ask("POST", "/snapshots")["id"])

    def restore(self, snapshot_id: str) -> None:
        """Go back to a snapshot; the journal goes on. Raises UnknownItem for an unknown id.

        sandbox.restore(before)
        """
        self._ask("POST", f"/snapshots/{quote(snapshot_id, safe='')}/restore")

    def forget(self) -> None:
        """Have the server drop the namespace with all that it holds; the default one is reset.

        sandbox.forget()
        """
        # Asked for in the default namespace: it is not to come back by being asked.
        self._ask("DELETE", f"/namespaces/{self.name}", namespace=DEFAULT_NAMESPACE)

    def namespaces(self) -> dict[str, int]:
        """The namespaces of the server, each with the number of calls that came to it.

        assert sandbox.namespaces().keys() == {"default", "t1"}
        """
        found = self._ask("GET", "/namespaces", namespace=DEFAULT_NAMESPACE)["namespaces"]
        return {entry["name"]: int(entry["calls"]) for entry in found}

    def namespace(self, name: str) -> Sandbox:
        """The sandbox of another namespace of the same server; the two never see each other.

        `name` is 1 to 40 of a-z, 0-9 and `-`. Raises BadQuestion for any other.

            sandbox = server.namespace("t1")
        """
        sandbox = Sandbox(self._door, name, opened=self._opened)
        self._opened.add(name)
        return sandbox

    # Clients without a socket.

    def transport(self) -> HttpxTransport:
        """A transport of httpx, sync and async, that leads here whatever the host of the URL.

        In the server's own process it needs no socket: faults and timeouts raise what httpx would raise,
        and a timeout is not waited out. Raises ImportError without httpx (extra `httpx`).

            httpx.Client(transport=sandbox.transport(), base_url="https://api.hsrcpay.com/v1")
        """
        from mockserver.client.transports.httpx_transport import HttpxTransport

        return HttpxTransport(NamespaceRoute(self._door.open_wire, self.name))

    def requests_adapter(self, **options: Any) -> SandboxAdapter:
        """An adapter of requests that leads here whatever the host of the URL.

        `options` are those of `requests.adapters.HTTPAdapter`, such as `max_retries`. Raises ImportError
        without requests (extra `requests`).

            session.mount("https://api.hsrcpay.com", sandbox.requests_adapter())
        """
        from mockserver.client.transports.requests_adapter import SandboxAdapter

        return SandboxAdapter(NamespaceRoute(self._door.open_wire, self.name), **options)

    def _ask(
        self,
        method: str,
        target: str,
        body: Json | UnsetType = UNSET,
        *,
        error: type[InvalidInput] = BadQuestion,
        wait_seconds: float = 0.0,
        namespace: str | None = None,
    ) -> Any:
        """The value that a control call gives. What the server refuses as wrong is raised as `error`."""
        try:
            content = b"" if body is UNSET else dumps(body)
        except TypeError as problem:
            raise error([Problem(f"is no JSON: {problem}")]) from None
        status, value = self._door.call(namespace or self.name, method, target, content, wait_seconds)
        if status < 300:
            return value
        problems = _read_problems(value)
        text = "\n".join(str(problem) for problem in problems)
        if status in (400, 422):
            raise error(problems)
        if status == 404 and problems:
            raise UnknownItem(text)
        if status == 409 and problems:
            raise Unanswerable(text, value.get("calls", ()))
        raise ControlError(status, text or str(value))


def _plain(value: Any) -> Json:
    """Mappings and sequences of any class as the plain ones that JSON knows."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value


def _given(values: JsonObject) -> JsonObject:
    """Without the members that are None."""
    return {name: value for name, value in values.items() if value is not None}


def _expectation(what: What) -> JsonObject:
    """An entry of `expected` in `POST /verify`."""
    if isinstance(what, str):
        return {"operation": what}
    entry: JsonObject = _plain(what)
    return entry if entry.keys() & {"operation", "request"} else {"request": entry}


def _read_problems(value: Json) -> list[Problem]:
    """The problems in a refusal of the control API (WireMock's `errors`)."""
    errors = value.get("errors") if isinstance(value, dict) else None
    return [
        Problem(str(item.get("title")), str((item.get("source") or {}).get("pointer") or ""))
        for item in errors or ()
    ]
