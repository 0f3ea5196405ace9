"""The fetcher's process: asks archives for studies and has them sent (Query/Retrieve SCU)."""
