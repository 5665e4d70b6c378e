"""Options as keyword arguments with their types, so that editors complete them. `settings` explains each."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Literal, TypedDict


class NamespaceOptions(TypedDict, total=False):
    """What each namespace can have of its own."""

    seed: str
    clock: str
    success_status: Literal["200", "201", "alternate", 200, 201]
    variants: Literal["off", "cycle"]
    tolerant_reader: bool
    strict_accounts: bool
    idempotency: Literal["on", "off", "required"]
    rate_limit: str | None


class ServerOptions(NamespaceOptions, total=False):
    """What a server can have: the options of `mockserver serve`."""

    host: str
    port: int
    tls: bool
    tls_cert: str | PathLike[str] | None
    tls_key: str | PathLike[str] | None
    workers: int
    store: str
    contract: str | PathLike[str]
    fixtures: str | PathLike[str]
    pact: str | PathLike[str] | None
    rules: str
    watch: bool
    upstream: str | None
    upstream_timeout: int
    upstream_proxy: str | None
    errors: bool
    record: str | PathLike[str] | None
    allow_live: bool
    jwt_secret: str | None
    jwks: str | PathLike[str] | None
    jwt_audience: str | None
    admin_token: str | None
    journal_limit: int
    memory_limit: int
    allowed_host: Sequence[str]
    webhook_host: Sequence[str]
    cors_origin: Sequence[str]
    body_limit: int
    json_depth: int
    json_number_length: int
    header_limit: int
    header_count: int
    url_limit: int
    read_timeout: int
    idle_timeout: int
    connection_limit: int
    log_level: Literal["debug", "info", "warning", "error"]
    log_format: Literal["text", "json"]
