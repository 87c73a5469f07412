"""The part of labctl that runs on the server: it carries out one apply request.

The laptop has decided everything before: the request says which packages, users, files, units and
gates. The agent only executes it, so that a dropped link or a closed laptop cannot leave it half
done. Standard library only, Python 3.10 and later.
"""
