"""Reports about networks and about the installation, for people to read.

`analysis.py` counts block by block, `predictions.py` predicts latencies, `profile_errors.py` compares them with
measurements, `listing.py` lists runs of all kinds, `doctor.py` examines the installation.
"""
