"""What a test can change, one namespace apart from the other."""
