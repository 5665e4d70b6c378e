"""The version of this package. Reading it from the installed metadata would take longer than most calls of a
test run."""

VERSION = "0.1.0"
