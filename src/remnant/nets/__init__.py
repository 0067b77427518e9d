"""Networks, one a file: nothing but modules."""
