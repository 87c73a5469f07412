"""The part of labctl that runs on the server; the standard library's alone, Python 3.10 and later.

The laptop sends it as a zip archive, from which Python imports it. Each command has a module whose `main` it calls with
its request and the rest of standard input:

    probe     reads the facts
    push      receives an apply, lays this package out in the run's folder, and starts it there, detached from the
              connection
    follow    tells the events of a run
    doctor    looks at the server, and tries the gates
    password  sets a user's password

`__main__.py` carries out one apply. The laptop has decided everything before: the request says which packages, users,
files, units and gates. The agent only executes it, so that a dropped link or a closed laptop cannot leave it half done.
"""
