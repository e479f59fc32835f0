"""What the server tells about itself: metrics, its log, the access log."""
