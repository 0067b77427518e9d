"""Tables, figures and the page: reads a finished run from its files alone."""
