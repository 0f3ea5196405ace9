"""The deliverer's process: sends each map to its destinations."""
