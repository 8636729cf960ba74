"""Sessions: names, graphs and modes of one client, and the steps that change them."""
