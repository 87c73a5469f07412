"""An emulated AWS on this computer: moto behind HTTP, and a container for each running instance."""
