"""Watching: contract and fixtures are read anew when their files change, and calls go on meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from mockserver.contract.documents import find_address
from mockserver.exceptions import InvalidInput, Problem, SettingsError
from mockserver.serving.app import App
from mockserver.serving.building import load_sources, renew
from mockserver.settings import OPTIONS, Settings

logger = logging.getLogger("mockserver")

# What a contract consists of. Beside it may lie anything, a whole project even.
_CONTRACT_SUFFIXES = (".json", ".yaml", ".yml")


def find_watched(settings: Settings) -> tuple[Path, ...]:
    """The folders to watch, none without `--watch`: that of the contract, whose files all lie in it or below,
    and the fixtures.

    Raises SettingsError where there is nothing to watch, and where watchfiles is not installed.
    """
    if not settings.watch:
        return ()
    folders = [] if settings.fixtures is None else [settings.fixtures]
    if settings.contract != OPTIONS["contract"].default and find_address(settings.contract) is None:
        folders.append(settings.contract.parent)
    if not folders:
        text = (
            "there is nothing to watch: give the --contract or --fixtures of your own that shall be read anew"
        )
        raise SettingsError([Problem(text, "/watch")])
    try:
        import watchfiles  # noqa: F401
    except ImportError:
        text = (
            "files are watched by watchfiles, which is not installed: pip install 'hsrcpay-mockserver[watch]'"
        )
        raise SettingsError([Problem(text, "/watch")]) from None
    return tuple(folders)


@contextlib.asynccontextmanager
async def watching(app: App) -> AsyncIterator[None]:
    """Watch the files of an application's settings meanwhile, if they say so. Raises SettingsError."""
    settings = app.engine.settings
    folders = find_watched(settings)
    if not folders:
        yield
        return
    task = asyncio.create_task(_watch(app, settings, folders))
    # Its first step begins to watch: what changes once the server has started is noticed.
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _watch(app: App, settings: Settings, folders: tuple[Path, ...]) -> None:
    from watchfiles import Change, DefaultFilter, awatch

    class Filter(DefaultFilter):
        """Every file among the fixtures, those of its kind beside the contract; never `.git` or the like."""

        def __call__(self, change: Change, path: str) -> bool:
            is_fixture = settings.fixtures is not None and Path(path).is_relative_to(
                settings.fixtures.resolve()
            )
            return super().__call__(change, path) and (is_fixture or path.endswith(_CONTRACT_SUFFIXES))

    async for _ in awatch(*(folder.resolve() for folder in folders), watch_filter=Filter()):
        await read_anew(app, settings)


async def read_anew(app: App, settings: Settings) -> None:
    """Read contract and fixtures anew, and answer by them from now on. What is unsound is logged, and changes
    nothing."""
    try:
        sources = await asyncio.to_thread(load_sources, settings)
    except InvalidInput as error:
        for problem in error.problems:
            logger.error("%s", problem)
        logger.error("what has changed cannot be used; what was served before goes on")
        return
    sources.log_warnings()
    renew(app.engine, sources)
    app.take_contract()
    stubs = len(sources.fixtures.stubs)
    logger.info("read anew: %d operations, %d stubs", len(sources.contract.operations), stubs)
