"""Objects of an S3 bucket, or of anything that speaks S3. Needs boto3, the extra `s3`."""

from storage.drivers.s3.driver import S3Driver

__all__ = ["S3Driver"]
