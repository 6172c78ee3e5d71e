"""The static site of published boards: pages that a browser shows without a server and without another host."""
