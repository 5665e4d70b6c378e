"""Values made from schemas and seeds: the same seed gives the same value, everywhere and in any order."""
