"""Design convolutional networks from a budget, without training a candidate.

    result = zennas.search(budget_params="1M", max_layers=18)
    zennas.train(result.folder, dataset="digits")

`zennas --help` is the same from the shell. Start reading at `api.py`, then `search/runner.py`.
"""

# The packages `zennas.search` and `zennas.train` can be called, see their __init__.py.
__version__ = "0.1.0"
