"""The spool: received instances, jobs and maps on disk, and the records beside them; the truth."""
