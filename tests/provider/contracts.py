"""A small contract to change, and what `diff` and `drift` are tried on."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["id", "state", "amount"],
    "properties": {
        "id": {"type": "string", "readOnly": True},
        "state": {"enum": ["open", "paid"]},
        "amount": {"type": "integer", "minimum": 0},
        "note": {"type": "string", "maxLength": 100},
        "buyer": {"$ref": "#/components/schemas/Buyer"},
    },
}
BASE: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "1"},
    "servers": [{"url": "https://api.example.com/v1"}],
    "security": [{"key": []}],
    "paths": {
        "/orders": {
            "get": {
                "operationId": "listOrders",
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}},
                    {"name": "state", "in": "query", "schema": {"enum": ["open", "paid"]}},
                ],
                "responses": {
                    "200": {
                        "description": "ok",
                        "headers": {"X-Total": {"required": True, "schema": {"type": "integer"}}},
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "array",
                                    "items": {"$ref": "#/components/schemas/Order"},
                                }
                            }
                        },
                    },
                    "422": {"description": "refused"},
                },
            },
            "post": {
                "operationId": "createOrder",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
                },
                "responses": {
                    "201": {
                        "description": "made",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
                    },
                    "422": {"description": "refused"},
                },
            },
        },
        "/orders/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "delete": {"operationId": "deleteOrder", "responses": {"204": {"description": "gone"}}},
        },
    },
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}},
        "schemas": {
            "Order": ORDER,
            "Buyer": {"type": "object", "properties": {"name": {"type": ["string", "null"]}}},
        },
    },
}


def write_contract(path: Path, document: Any) -> Path:
    """Write a document as a file, and return its path."""
    path.write_text(json.dumps(document), "utf-8")
    return path


def change(pointer: str, value: Any = ..., base: Any = BASE) -> Any:
    """A copy of a document with another value at a pointer, or with nothing there."""
    document = copy.deepcopy(base)
    owner = document
    *above, last = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
    for token in above:
        owner = owner[int(token)] if isinstance(owner, list) else owner.setdefault(token, {})
    if value is ...:
        del owner[int(last) if isinstance(owner, list) else last]
    elif isinstance(owner, list):
        owner.insert(int(last), value)
    else:
        owner[last] = value
    return document
