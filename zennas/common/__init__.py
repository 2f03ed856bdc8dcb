"""What all parts of the application need: errors, settings, numbers as text, files, and the environment.

Nothing here depends on networks. All other rooms may import this one; it imports none of them.
"""
