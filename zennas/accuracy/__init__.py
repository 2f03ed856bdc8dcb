"""How accurate a network is: measured on images, compared with another, or looked up in a table.

`evaluation.py` is what people call, `protocol.py` counts, `images.py` chooses images to check exported files with,
`comparison.py` holds a file against its network, `tables/` reads accuracies that somebody has measured.
"""
