"""A sandbox of an API, run from its contract.

    from mockserver import MockServer, connect

A name is imported when it is first used: `import mockserver` costs next to nothing, and neither does the
pytest plugin in a run that does not ask for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockserver.client.doors import connect
    from mockserver.client.drift import drift
    from mockserver.client.local import MockServer
    from mockserver.client.records import DocumentedError, NamedVariant, RecordedCall, RecordedResponse
    from mockserver.client.sandbox import Sandbox, SandboxClock
    from mockserver.exceptions import (
        BadQuestion,
        ContractError,
        ControlError,
        FixtureError,
        InvalidInput,
        MockServerError,
        Problem,
        SettingsError,
        StubError,
        Unanswerable,
        UnknownItem,
        VerificationError,
    )
    from mockserver.faults import Fault
    from mockserver.settings import Settings

_HOMES = {
    "client.doors": ("connect",),
    "client.drift": ("drift",),
    "client.local": ("MockServer",),
    "client.records": ("DocumentedError", "NamedVariant", "RecordedCall", "RecordedResponse"),
    "client.sandbox": ("Sandbox", "SandboxClock"),
    "exceptions": (
        "BadQuestion",
        "ContractError",
        "ControlError",
        "FixtureError",
        "InvalidInput",
        "MockServerError",
        "Problem",
        "SettingsError",
        "StubError",
        "Unanswerable",
        "UnknownItem",
        "VerificationError",
    ),
    "faults": ("Fault",),
    "settings": ("Settings",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BadQuestion",
    "ContractError",
    "ControlError",
    "DocumentedError",
    "Fault",
    "FixtureError",
    "InvalidInput",
    "MockServer",
    "MockServerError",
    "NamedVariant",
    "Problem",
    "RecordedCall",
    "RecordedResponse",
    "Sandbox",
    "SandboxClock",
    "Settings",
    "SettingsError",
    "StubError",
    "Unanswerable",
    "UnknownItem",
    "VerificationError",
    "connect",
    "drift",
]


def __getattr__(name: str) -> Any:
    """The public name, from the module where it lives (PEP 562)."""
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
