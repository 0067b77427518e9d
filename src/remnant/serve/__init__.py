"""Privacy-Net deployed: the encoder at a hospital, the segmenter at a server, codes between them. Needs the extra `serve`."""
