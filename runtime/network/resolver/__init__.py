"""Names of containers on user networks: the resolver that containers find at 127.0.0.11 (docker's embedded DNS).

One small process answers for all containers. Its sockets stand in the containers' network namespaces, so the socket a
question came by says who asks, and a container's own server can have port 53: a rule in the namespace leads
127.0.0.11:53 to the ports it was given. It starts with the first container on a user network and ends with the last.
"""
