"""A run as one page: a self-contained HTML file that shows the question, what came out, and how to repeat it.

`record.py` reads a run of any kind. Each file in `sections/` turns a record into the parts of one section, which are
plain data (`parts.py`, `charts.py`, `drawing.py`); a new section is one new file. `markup.py` turns parts into HTML,
`embed.py` into data for the scripts in `assets/`, and `document.py` puts the page together.
"""
