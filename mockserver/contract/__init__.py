"""The contract: OpenAPI and JSON Schema files, read once, then only looked at."""

from mockserver.contract.openapi import load_contract
from mockserver.contract.operations import Assumption, Contract, Envelope, Operation, Parameter, PathItem

__all__ = ["Assumption", "Contract", "Envelope", "Operation", "Parameter", "PathItem", "load_contract"]
