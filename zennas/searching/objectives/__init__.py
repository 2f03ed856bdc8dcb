"""What a search maximises, one file each."""
