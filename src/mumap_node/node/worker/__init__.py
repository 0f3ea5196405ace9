"""The worker's process: admits instances, makes maps, keeps spool and engine in step."""
