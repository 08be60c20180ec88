"""From RTP to CMAF on disk while live, to replay. Knows media and files; the only importer of PyAV."""
