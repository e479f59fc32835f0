"""The verbs, one file each: FLAGS and SHORT name its flags, STOP where words are no longer ours, run() does it."""
