"""Applying a layer: its entries become files in an empty folder, with marks for what they hide below.

Everything goes by descriptors of folders that were made here, and the last name of a path is never followed. A parent
that is a link, of this layer or of those below, leads where it leads inside the image and nowhere else: that is what
extracting over the tree below would do.
"""
