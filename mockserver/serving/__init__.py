"""The HTTP server: application, guard, connection, logs."""
