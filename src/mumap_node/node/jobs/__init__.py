"""Jobs as people see and handle them: what is known of one, where it stands, what can be done."""
