"""The companion: pulls images from a registry, unpacks their layers into snapshots and runs containers."""
