"""What is told about the result of a search."""
