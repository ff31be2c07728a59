import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from calls import call, denied


def delete():
    try:
        s3.delete_object(Bucket="acme-site", Key="a/b.txt")
    except ClientError as error:
        # The class of S3's model, made while it runs, is one of these.
        raise ClientError(error.response, error.operation_name) from error


options = {"region_name": "eu-west-1", "config": Config(retries={"max_attempts": 1})}
options |= {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "of-the-agent-itself"}
sts, ec2, s3 = (boto3.client(name, **options) for name in ("sts", "ec2", "s3"))
dynamo, sqs, logs = (boto3.client(name, **options) for name in ("dynamodb", "sqs", "logs"))
call("aws.sts.get_caller_identity", lambda: sts.get_caller_identity())
call("aws.ec2.describe_instances", lambda: ec2.describe_instances())
call("aws.dynamodb.get_item", lambda: dynamo.get_item(TableName="t", Key={"id": {"S": "7"}}))
call("aws.sqs.send_message", lambda: sqs.send_message(QueueUrl="https://sqs.eu-west-1.amazonaws.com/1/q", MessageBody="hi"))
call("aws.s3.get_object", lambda: s3.get_object(Bucket="acme-site", Key="a/b.txt"))
call("aws.s3.put_object", lambda: s3.put_object(Bucket="acme-site", Key="a/b.txt", Body=b"hi"))
denied("aws.ec2.terminate_instances", lambda: ec2.terminate_instances(InstanceIds=["i-1"]))
denied("aws.dynamodb.delete_table", lambda: dynamo.delete_table(TableName="t"))
denied("aws.s3.delete_object", delete)
