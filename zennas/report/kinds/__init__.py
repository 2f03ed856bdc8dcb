"""The kinds of runs in a list, one file each: how a run of the kind is read, what it was asked, and what came out."""
