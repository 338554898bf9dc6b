"""What the emulator starts with, from a YAML file."""
