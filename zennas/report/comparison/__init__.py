"""Networks side by side: costs, latencies, accuracies and scores, also relative to one of them.

`runner.py` makes a `Comparison` (`result.py`) of networks that `reading.py` finds. `quantities.py` says which numbers
it has; the table, the files and the page follow from that.
"""
