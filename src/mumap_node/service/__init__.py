"""The composition root: builds every process of the node from the settings, and ends it well."""
