"""What an audit is of: the network, the images with who they are of, and what is sent of them."""
