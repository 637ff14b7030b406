"""Where published data sets come from, and what fetches and unpacks them."""
