"""What learns from scored networks which are better."""
