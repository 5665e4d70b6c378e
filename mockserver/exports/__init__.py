"""One call in the forms that other tools read."""
