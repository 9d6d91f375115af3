"""From a job to ranked structures on disk."""
