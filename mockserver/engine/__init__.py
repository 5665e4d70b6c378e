"""The path of one request: decide, carry out, render, record."""
