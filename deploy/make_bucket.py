"""Makes the bucket of the configuration where it is missing, for an S3 server that starts empty (compose.yaml)."""

import os
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from registry.config import ConfigError, file_from, load

THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


def main() -> int:
    """Make it, or say in one line why not."""
    try:
        s3 = load(file_from(os.environ), os.environ, {}).config.s3
        client = boto3.client(
            "s3",
            endpoint_url=s3.endpoint or None,
            region_name=s3.region or "us-east-1",
            aws_access_key_id=s3.access_key or None,
            aws_secret_access_key=s3.secret_key or None,
            config=Config(s3={"addressing_style": "path" if s3.endpoint else s3.addressing}),
        )
        client.create_bucket(Bucket=s3.bucket)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in THERE:
            sys.stderr.write(f"cannot make the bucket: {error}\n")
            return 1
    except (ConfigError, BotoCoreError) as error:
        sys.stderr.write(f"cannot make the bucket: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
