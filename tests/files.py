"""Folders of files that tests read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_files(folder: Path, files: dict[str, Any]) -> Path:
    """Write files, each text or what becomes JSON, and return their folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return folder
