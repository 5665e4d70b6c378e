"""What a call costs here, and elsewhere. `scripts/bench` measures; RESULTS.md holds what it found."""
