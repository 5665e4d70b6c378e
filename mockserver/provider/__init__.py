"""The other half of contract testing: the provider behind a contract, and the changes of the contract."""
