"""The S3 driver beyond the contract of all drivers."""
