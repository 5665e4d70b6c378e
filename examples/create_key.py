"""A program that the gauntlet can run: it creates one key with one of the clients beside it.

mockserver gauntlet -- python create_key.py fragile_client
mockserver gauntlet -- python create_key.py robust_client
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

client = import_module(sys.argv[1])
key = client.create_api_key(
    os.environ["MOCKSERVER_BASE_URL"],
    os.environ["MOCKSERVER_SECRET_KEY"],
    name="reporting",
    expires_at="2030-01-01T00:00:00.000Z",
)
sys.stdout.write(f"created {key.id}\n")
