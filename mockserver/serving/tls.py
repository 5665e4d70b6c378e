"""TLS: a certificate of the user's own, or one made for this run by an authority of its own."""

from __future__ import annotations

import os
import ssl
import tempfile
import weakref
from pathlib import Path

from mockserver.exceptions import Problem, SettingsError
from mockserver.settings import Settings


class Tls:
    """What a server with TLS shows: `context` has its certificate and key.

    `ca_file` is the authority that signed a certificate made for this run, for clients to trust; it lasts as
    long as this object. None for a certificate of the user's own.
    """

    def __init__(self, context: ssl.SSLContext, authority: bytes | None = None) -> None:
        self.context = context
        self.ca_file: str | None = None
        if authority is not None:
            handle, self.ca_file = tempfile.mkstemp(prefix="mockserver-ca-", suffix=".pem")
            with open(handle, "wb") as file:
                file.write(authority)
            weakref.finalize(self, Path.unlink, Path(self.ca_file), missing_ok=True)


def open_tls(settings: Settings) -> Tls | None:
    """The TLS that the settings ask for; None where they ask for none.

    Raises SettingsError where the files of a certificate do not fit, and where trustme is not installed.
    """
    certificate, key = settings.tls_cert, settings.tls_key
    if certificate is not None and key is not None:
        return Tls(_load(certificate, key))
    if certificate is not None or key is not None:
        given, missing = ("tls_cert", "tls_key") if key is None else ("tls_key", "tls_cert")
        raise SettingsError([Problem(f"is missing beside {given}", f"/{missing}")])
    if not settings.tls:
        return None
    try:
        import trustme
    except ImportError:
        text = (
            "a certificate for this run is made by trustme, which is not installed: "
            "pip install 'hsrcpay-mockserver[tls]', or give tls_cert and tls_key (--tls-cert, --tls-key)"
        )
        raise SettingsError([Problem(text, "/tls")]) from None
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*_names(settings)).configure_cert(context)
    return Tls(context, authority.cert_pem.bytes())


def _names(settings: Settings) -> list[str]:
    """The names that a certificate must have: loopback, where it listens, and the hosts that are allowed."""
    names = ["localhost", "127.0.0.1", "::1"]
    if settings.host not in ("0.0.0.0", "::", *names):
        names.append(settings.host)
    for host in settings.allowed_host:
        name = host.rpartition(":")[0] if host.count(":") == 1 else host.strip("[]")
        if name not in ("*", *names):
            names.append(name)
    return names


def _load(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # The key of a test needs no password, and a server may have no terminal to ask for one.
        context.load_cert_chain(os.fspath(certificate), os.fspath(key), password="")
    except OSError as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        text = f"{certificate} and {key} are not a certificate in PEM and its key: {reason}"
        raise SettingsError([Problem(text, "/tls_cert")]) from None
    return context
