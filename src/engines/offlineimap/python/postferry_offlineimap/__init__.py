"""What postferry adds to OfflineIMAP 8.0; installed by ../postferry.py."""
