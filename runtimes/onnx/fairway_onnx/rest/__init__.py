"""The protocol's HTTP face, without HTTP: method, path, headers and body in, status and body out."""
