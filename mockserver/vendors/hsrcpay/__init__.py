"""What HSRCPAY does beyond its schemas: one class per operation, registered by operationId."""

from __future__ import annotations

from collections.abc import Mapping

from mockserver.engine.situation import Behaviour
from mockserver.vendors.hsrcpay.api_keys import (
    CreateApiKey,
    DeleteApiKey,
    ListApiKeys,
    RegenerateManagedApiKey,
)

BEHAVIOURS: Mapping[str, Behaviour] = {
    "createApiKey": CreateApiKey(),
    "listApiKeys": ListApiKeys(),
    "regenerateManagedApiKey": RegenerateManagedApiKey(),
    "deleteApiKey": DeleteApiKey(),
}
