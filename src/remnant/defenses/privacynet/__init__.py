"""Privacy-Net: an encoder at the client that hides who a scan shows, a segmenter at the server (Kim 2019)."""
