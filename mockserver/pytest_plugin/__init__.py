"""The pytest plugin: a sandbox for each test, one server for the run, and a report that shows the calls.

    def test_retries(mockserver):
        mockserver.fail_next(429, times=2)
        create_key(mockserver.base_url, mockserver.secret_key)
        mockserver.verify("createApiKey", times=3)

pytest loads this module and its parts in every run of an environment that has the package, so they import
nothing else of it before a test asks for a fixture.
"""

# Each part brings its own hooks and fixtures.
_PARTS = ("servers", "watching", "markers", "ledger", "gauntlet", "fixtures", "reports")
pytest_plugins = tuple(f"{__name__}.{part}" for part in _PARTS)
