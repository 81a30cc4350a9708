"""What people read when a deployment fails: causes, hints, log lines, and what to do."""
