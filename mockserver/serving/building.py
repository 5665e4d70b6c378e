"""Building: contract, fixtures and an API's own rules become an engine. The one place that knows a vendor."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from mockserver.catalogue import find_unmakeable
from mockserver.contract import Contract, load_contract
from mockserver.coverage import FacetReader
from mockserver.engine.engine import Engine
from mockserver.engine.situation import Behaviour
from mockserver.settings import Settings
from mockserver.state.fixtures import Fixtures, load_fixtures
from mockserver.stores import Store, make_store
from mockserver.vendors.hsrcpay import BEHAVIOURS

logger = logging.getLogger("mockserver")


def build_engine(settings: Settings) -> Engine:
    """Load contract and fixtures into an engine. Raises ContractError and FixtureError.

    Answers of which none can be made are logged: a call would only find out one by one.
    """
    contract = load_contract(settings.contract)
    fixtures = load_fixtures(settings.fixtures, contract)
    for problem in find_unmakeable(contract):
        logger.warning("%s%s", settings.contract.name, problem)
    return assemble(contract, fixtures, settings)


def assemble(
    contract: Contract,
    fixtures: Fixtures,
    settings: Settings,
    behaviours: Mapping[str, Behaviour] = BEHAVIOURS,
    store: Store | None = None,
) -> Engine:
    """The engine of what was loaded already, with everything that an engine is handed.

    `store` takes the place of that of the settings.
    """
    return Engine(
        contract, fixtures, settings, behaviours, FacetReader(contract), store or make_store(settings.store)
    )
