"""The pieces of an audit, each written when done, and what each takes."""
