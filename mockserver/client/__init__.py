"""Python's doors: the verbs of a sandbox, in this process and from afar."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

CLASH = (
    "files of hsrcpay-mockserver are overwritten by the distribution mockserver-client, whose package has "
    "the same name; keep one of the two in an environment: `pip uninstall mockserver-client`, then "
    "`pip install --force-reinstall --no-deps hsrcpay-mockserver`"
)


def __getattr__(name: str) -> Any:
    """Tell of a clash: `mockserver/__init__.py` of the other distribution asks this package for its client.

    The command ends with that sentence, and so does pytest, which loads the plugin before its tests.
    """
    if name != "MockServerClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if Path(sys.argv[0]).stem in ("mockserver", "-m"):
        raise SystemExit(f"mockserver: {CLASH}")
    pytest = sys.modules.get("pytest")
    raise ImportError(CLASH) if pytest is None else pytest.UsageError(CLASH)
