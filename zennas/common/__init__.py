"""What every part of the application needs: errors, settings, numbers as people write them, files, the environment.

Nothing here knows what a network is. All other rooms may import this one; it imports none of them.
"""
