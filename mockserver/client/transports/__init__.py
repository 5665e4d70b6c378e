"""Ways into a sandbox for client libraries that need no socket; each library is known to one module."""
