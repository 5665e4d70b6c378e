"""What one API does beyond its schemas, a folder for each."""
