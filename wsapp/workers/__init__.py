"""Several processes on the same ports: a master that supervises, and workers that serve.

The master makes the listening sockets and keeps them open; workers are programs of their own (exec, not fork)
that inherit them.  ``sockets`` makes them, ``adopting`` is how a worker listens on them, ``inheritance`` is
what a worker is given, ``messages`` what the two say to each other, ``process`` one worker as the master sees
it, ``place`` keeps one of them alive, ``master`` supervises all, ``worker`` is the program, and ``embedded``
a private Valkey for them.
"""
