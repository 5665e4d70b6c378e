"""`mockserver state`: what a store holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mockserver.cli.options import read_settings, settings_options
from mockserver.exceptions import Problem, SettingsError, StoreUnavailable
from mockserver.settings import OPTIONS, Settings
from mockserver.suggestions import suggest

if TYPE_CHECKING:
    from mockserver.stores import Store
    from mockserver.stores.base import NamespaceLog


@click.group()
def state() -> None:
    """List, show and clear the namespaces of a store."""


@state.command("ls")
@settings_options("store")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON value.")
def list_namespaces(as_json: bool, **given: Any) -> None:
    """Each namespace, with its records since the last snapshot and its size in bytes."""
    from mockserver.json_codec import dumps_pretty

    found = _list(_open(read_settings(given)))
    if as_json:
        rows = [{"name": item.name, "records": item.records, "bytes": item.size} for item in found]
        click.echo(dumps_pretty({"namespaces": rows}))
        return
    width = max([len(item.name) for item in found], default=0)
    for item in found:
        click.echo(f"{item.name:{width}}  {item.records:>8,} records  {item.size:>12,} bytes")


@state.command("show")
@settings_options("store", "contract", "fixtures", "rules", "seed")
@click.argument("name")
def show_namespace(name: str, **given: Any) -> None:
    """What one namespace holds, as JSON: calls, stubs, issued keys, scenarios, clock, settings."""
    from mockserver.clocks import format_instant
    from mockserver.json_codec import dumps_pretty
    from mockserver.serving.building import build_engine

    try:
        settings = read_settings(given)
        _find(_list(_open(settings)), name)
        namespaces = build_engine(settings).namespaces
        namespace = namespaces.get(name)
        try:
            with namespace.transaction():
                clock = namespace.clock
                content = namespace.describe() | {
                    "clock": {"mode": clock.mode, "now": format_instant(clock.now_millis())},
                    "scenarios": dict(namespace.stubs.scenarios.states),
                    "settings": {
                        item.name: getattr(namespace.settings, item.name)
                        for item in OPTIONS.values()
                        if item.is_own
                    },
                }
        finally:
            namespaces.close()
    except StoreUnavailable as error:
        raise SettingsError(str(error)) from None
    click.echo(dumps_pretty(content))


@state.command("clear")
@settings_options("store")
@click.argument("names", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Every namespace, and the snapshots.")
def clear_namespaces(names: tuple[str, ...], is_all: bool, **given: Any) -> None:
    """Remove namespaces from a store. Servers that use it begin them anew."""
    if bool(names) == is_all:
        raise SettingsError("name the namespaces to remove, or say --all")
    store = _open(read_settings(given))
    found = _list(store)
    chosen = found if is_all else [_find(found, name) for name in names]
    try:
        for item in chosen:
            store.remove(item.name)
            click.echo(f"removed {item.name}")
        if is_all:
            store.remove(_shelf())
    except StoreUnavailable as error:
        raise SettingsError(str(error)) from None
    finally:
        store.close()


def _open(settings: Settings) -> Store:
    """The store of the settings, which must be there. Raises SettingsError."""
    from mockserver.stores import SqliteStore, make_store

    store = make_store(settings.store)
    if not store.is_shared:
        raise SettingsError([Problem("memory holds nothing; name the store of a server", "/store")])
    if isinstance(store, SqliteStore) and not store.path.exists():
        raise SettingsError([Problem(f"there is no file {store.path}", "/store")])
    store.open()
    return store


def _list(store: Store) -> list[NamespaceLog]:
    try:
        return [item for item in store.list() if item.name != _shelf()]
    except StoreUnavailable as error:
        raise SettingsError(str(error)) from None


def _shelf() -> str:
    from mockserver.state.stored import SHELF

    return SHELF


def _find(found: list[NamespaceLog], name: str) -> NamespaceLog:
    for item in found:
        if item.name == name:
            return item
    raise SettingsError(
        f"the store has no namespace {name!r}; {suggest(name, [item.name for item in found], lists_all=True)}"
    )
