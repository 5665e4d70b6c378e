"""The machine, and the versions of all that takes part."""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from benchmarks.peers import VERSIONS

_PACKAGES = ("hsrcpay-mockserver", "uvicorn", "uvloop", "httptools", "orjson", "jsonschema-rs", "httpx")


def describe_machine() -> dict[str, str]:
    """Processor, cores, memory, system and Python: what makes figures comparable."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    system = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    processor = platform.processor() or platform.machine()
    with suppress(OSError):
        system = f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {system}"
        text = Path("/proc/cpuinfo").read_text("utf-8")
        processor = dict(re.findall(r"^(model name)\s*:\s*(.+)$", text, re.M)).get("model name", processor)
    return {
        "processor": processor,
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": system,
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def list_versions() -> dict[str, str]:
    """Package or peer -> version."""
    return {package: version(package) for package in _PACKAGES} | VERSIONS
