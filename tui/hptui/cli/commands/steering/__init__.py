"""Commands that steer a run, or prepare the next one."""
