"""The pytest plugin: a sandbox for each test, one server for the run, and a report that shows the calls.

    def test_retries(mockserver):
        mockserver.fail_next(429, times=2)
        create_key(mockserver.base_url, mockserver.secret_key)
        mockserver.verify("createApiKey", times=3)

pytest loads this module and its parts in every run of an environment that has the package, so they import
nothing else of it before a test asks for a fixture.
"""

import pytest

# The lower end of the extra `pytest`, for an installation that has a pytest without the extra.
_LOWEST = (8, 3)
if pytest.version_tuple < _LOWEST:
    raise pytest.UsageError(
        f"the plugin mockserver needs pytest {'.'.join(map(str, _LOWEST))} or later, this is "
        f"{pytest.__version__}; "
        "pip install 'hsrcpay-mockserver[pytest]', or run without it: pytest -p no:mockserver"
    )

# Each part brings its own hooks and fixtures.
_PARTS = ("servers", "watching", "markers", "ledger", "gauntlet", "fixtures", "reports")
pytest_plugins = tuple(f"{__name__}.{part}" for part in _PARTS)
