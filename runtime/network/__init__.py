"""Networks of containers: bridges, addresses, published ports and names, in the network namespace this runs in.

Start at `networks.Networks`. What it says of networks stands below the data root, who is connected now below the run
root (it dies with the machine, as the devices do), all of it under one lock:

    networks = Networks(root, run)
    endpoint = networks.attach("bridge", container_id, f"/proc/{pid}/ns/net", name="web", ports=(Publish(80),))
    networks.detach(container_id)
    networks.reconcile(alive_ids)

`host`, `none` and `container:NAME` connect nothing; the engine chooses the namespace and does not call here. Texts for
the container's files are made by `hosts.hosts` and `resolv_conf.resolv_conf`, what `inspect` shows by `settings`.
"""
