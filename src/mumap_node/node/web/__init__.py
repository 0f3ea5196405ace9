"""The page people look at, and the health that monitoring asks for; reads, and changes nothing."""
