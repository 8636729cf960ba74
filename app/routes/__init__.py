"""The routes, by noun: thin, they hand the bytes on."""
