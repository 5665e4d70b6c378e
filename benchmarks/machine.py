"""The machine, and the versions of all that takes part."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.peers import peer_versions

_PACKAGES = (
    "hsrcpay-mockserver", "uvicorn", "uvloop", "httptools", "starlette", "orjson", "jsonschema-rs",
    "jsonschema", "httpx", "requests", "pytest",
)  # fmt: skip
# A command that tells its version, and where the version stands in what it prints.
_COMMANDS = {
    "wrk": (("wrk", "-v"), r"wrk (?:debian/)?(\d[\w.]*)"),
    "Node.js": (("node", "--version"), r"v(\d[\w.]*)"),
    "Java": (("java", "-version"), r'version "([\w.]+)"'),
}


def describe_machine() -> dict[str, str]:
    """Processor, cores, memory, system and Python: what makes figures comparable."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _find_processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": _find_system(),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def list_versions() -> dict[str, str]:
    """Package, program or peer -> version, for those that are installed."""
    found: dict[str, str] = {}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    for name, (command, pattern) in _COMMANDS.items():
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            match = re.search(pattern, done.stdout + done.stderr)
            found[name] = match.group(1) if match else "unknown"
    return found | peer_versions()


def _find_processor() -> str:
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text("utf-8")
        match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
        if match:
            return match.group(1).strip()
    return platform.processor() or platform.machine()


def _find_system() -> str:
    with suppress(OSError):
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {platform.system()} {_release()}"
    return f"{platform.system()} {_release()}"


def _release() -> str:
    """Major and minor number of the kernel; the rest names a build."""
    return ".".join(platform.release().split(".")[:2])
