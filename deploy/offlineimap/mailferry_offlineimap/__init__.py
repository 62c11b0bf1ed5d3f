"""What mailferry adds to OfflineIMAP 8.0; installed by ../mailferry.py."""
