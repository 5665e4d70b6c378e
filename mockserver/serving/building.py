"""Building: contract, rules and fixtures become an engine. The one place that knows a vendor."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from typing import TypeVar, cast

from mockserver.contract import Contract, load_contract
from mockserver.contract.openapi import EAGER_OPERATIONS, find_problems
from mockserver.coverage import FacetReader
from mockserver.engine.engine import Engine
from mockserver.engine.plain import PlainRules
from mockserver.engine.rules import Rules, RulesMaker
from mockserver.exceptions import ContractError, FixtureError, InvalidInput, Problem, SettingsError
from mockserver.provider.proxy import Proxy
from mockserver.provider.recording import Recorder
from mockserver.provider.upstream import Upstream
from mockserver.redaction import fingerprints_by, hide_keys_of
from mockserver.scripting.bodies import NO_FILES, Files
from mockserver.scripting.pacts import load_pact
from mockserver.settings import Settings
from mockserver.state.fixtures import Fixtures, load_stubs
from mockserver.stores import Store, make_store
from mockserver.suggestions import suggest
from mockserver.synthesis.requests import find_unmakeable
from mockserver.vendors.hsrcpay import HsrcpayRules

logger = logging.getLogger("mockserver")

Result = TypeVar("Result")

# By the name that a contract gives at its root: "x-mockserver": {"rules": "hsrcpay"}.
RULES: Mapping[str, RulesMaker] = {"plain": PlainRules, "hsrcpay": HsrcpayRules}
for _maker in RULES.values():
    # A secret stays hidden, whichever part of the process shows it.
    hide_keys_of(_maker.shape)


@dataclass(frozen=True, slots=True)
class Sources:
    """What a server is built from, loaded and checked. `problems` make operations of the contract unusable;
    `warnings` name what is left out, or cannot be answered."""

    contract: Contract
    rules: Rules
    fixtures: Fixtures
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    def log_warnings(self) -> None:
        """Log what is left out, or cannot be answered."""
        for warning in (*self.problems, *self.warnings):
            logger.warning("%s", warning)


def load_sources(settings: Settings, *, is_thorough: bool = False) -> Sources:
    """Load contract, rules and fixtures. Raises ContractError, SettingsError (`--rules`) and FixtureError,
    each with every problem.

    With `is_thorough` the parts of a large contract are checked as well that a server reads when they are
    first needed.
    """
    contract = load_contract(settings.contract, is_lenient=True)
    found = (contract.problems, contract.warnings)
    if is_thorough:
        found = find_problems(contract)
    maker = find_rules(contract, settings)
    hide_keys_of(maker.shape)
    folder = settings.fixtures or maker.fixtures
    problems: list[Problem] = []
    if folder is not None and not folder.is_dir():
        raise FixtureError([Problem("is no folder", file=str(folder))])

    def collect(load: Callable[[], Result]) -> Result | None:
        try:
            return load()
        except InvalidInput as error:
            problems.extend(error.problems)
            return None

    rules = collect(lambda: maker(contract, settings, folder))
    loaded, files = None, NO_FILES
    if folder is not None:
        files = Files(folder / "__files")
        # The packaged stubs are for the packaged contract: another need not document the same.
        is_lenient = settings.fixtures is None
        loaded = collect(lambda: load_stubs(folder, contract, files, is_lenient=is_lenient))
    stubs, left_out = loaded or ((), ())
    pact = settings.pact
    if pact is not None:
        stubs = (*stubs, *(collect(lambda: load_pact(pact, contract)) or ()))
    if problems or rules is None:
        raise FixtureError([*found[0], *problems])
    is_small = len(contract.operations) <= EAGER_OPERATIONS
    unmakeable = (
        Problem(problem.message, problem.pointer, PurePath(settings.contract).name)
        for problem in (find_unmakeable(contract) if is_small or is_thorough else ())
    )
    return Sources(
        contract,
        rules,
        Fixtures(stubs, rules.items, files),
        tuple(found[0]),
        (*found[1], *rules.warnings, *left_out, *unmakeable),
    )


def find_rules(contract: Contract, settings: Settings) -> RulesMaker:
    """The rules of a contract: those of `--rules`, else those that it names, else plain ones.

    Raises SettingsError for an import string that leads nowhere, ContractError for a name that is not known.
    """
    if settings.rules is not None:
        module, _, name = settings.rules.partition(":")
        try:
            return cast(RulesMaker, getattr(import_module(module), name))
        except (ImportError, AttributeError) as error:
            raise SettingsError([Problem(f"cannot be imported: {error}", "/rules")]) from None
    if contract.rules is None:
        return PlainRules
    if contract.rules in RULES:
        return RULES[contract.rules]
    hint = f"{suggest(contract.rules, RULES)}; rules of your own are named by --rules module:name"
    text = f"{contract.rules!r} are no rules that this server knows; {hint}"
    raise ContractError([Problem(text, "/x-mockserver/rules", settings.contract.name)])


def build_engine(settings: Settings) -> Engine:
    """Load everything into an engine. What is left out, or cannot be answered, is logged.

    Raises as `load_sources` does.
    """
    with fingerprints_by(settings.seed):
        sources = load_sources(settings)
        sources.log_warnings()
        engine = assemble(sources.contract, sources.rules, sources.fixtures, settings)
    if settings.upstream is None and settings.record is not None:
        raise SettingsError([Problem("needs --upstream: what is passed on is recorded", "/record")])
    if settings.upstream is not None:
        engine.pass_on(_make_proxy(engine, settings, settings.upstream))
    return engine


def _make_proxy(engine: Engine, settings: Settings, origin: str) -> Proxy:
    """Raises SettingsError."""
    upstream = Upstream(origin, timeout_seconds=settings.upstream_timeout, proxy=settings.upstream_proxy)
    recorder = None if settings.record is None else Recorder(settings.record)
    return Proxy(engine.contract, upstream, refuses=settings.errors, recorder=recorder)


def renew(engine: Engine, sources: Sources) -> None:
    """Have an engine go on by sources that were read anew, between two calls. Its state stays."""
    contract, rules, passes_on = sources.contract, sources.rules, engine.passes_on
    engine.renew(contract, rules, sources.fixtures, FacetReader(contract, rules.credential_kinds))
    if isinstance(passes_on, Proxy):
        passes_on.contract = contract
        engine.pass_on(passes_on)


def assemble(
    contract: Contract, rules: Rules, fixtures: Fixtures, settings: Settings, store: Store | None = None
) -> Engine:
    """The engine of what was loaded already, with everything that an engine is handed.

    `store` takes the place of that of the settings.
    """
    facets = FacetReader(contract, rules.credential_kinds)
    return Engine(contract, rules, fixtures, settings, facets, store or make_store(settings.store))
