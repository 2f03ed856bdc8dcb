"""The command line: `app.py` puts it together, one file a command. Heavy imports wait until a command runs."""
