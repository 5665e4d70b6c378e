"""What came: request line, headers, body, and all that they tell."""
