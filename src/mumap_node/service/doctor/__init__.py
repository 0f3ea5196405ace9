"""What `check` looks at beyond settings, models and engine: the network and the machine."""
