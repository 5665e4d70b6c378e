"""Stubs: what a test scripts, in WireMock's words."""
