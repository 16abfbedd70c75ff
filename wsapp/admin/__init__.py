"""What operators see and do: health, metrics and the console, on a port of their own (``--admin``)."""
