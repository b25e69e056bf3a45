"""Says what is in a recording folder and what is wrong with it. Findings are data; the command prints them.

Nothing in the folder is trusted: links are not followed, and memory does not grow with what lies there.
"""
