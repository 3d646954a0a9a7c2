"""Study files as files: validation, locks, staging, folders, upgrades."""
