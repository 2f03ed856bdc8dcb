"""The command line, one file per command; `app.py` assembles them. Heavy imports are deferred until a command runs."""
