"""Named volumes: folders below the data root that outlive containers, with docker's fields.

Start at `volumes.Volumes`:

    volumes = Volumes(root, run)
    volume = volumes.create("data", Wishes())      # the one that is there, or a new one; "" is an anonymous one
    path = volumes.acquire("data", container_id)   # mounts what has to be; release(container_id) when it ends
    volumes.copy_up(source_descriptor, "data")     # the image's content, if the volume is empty
    volumes.remove("data", users)                  # users: which containers have it, by the engine's own records
"""
