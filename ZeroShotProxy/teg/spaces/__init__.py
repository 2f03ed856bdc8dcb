"""The supernets of TEG-NAS, one file for each space."""
