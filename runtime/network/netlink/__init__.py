"""The part of rtnetlink that networks of containers need, over a raw socket: links, addresses, routes (rtnetlink(7)).

A program is not started for it, as `ip` would be: a container is connected in well under a millisecond of our time.
"""
