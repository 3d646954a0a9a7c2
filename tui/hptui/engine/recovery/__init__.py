"""What a crash leaves behind: the lease, stale trials, unsaved results, and the doctor."""
