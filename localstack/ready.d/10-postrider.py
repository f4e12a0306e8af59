#!/usr/bin/env python3
"""Makes Postrider's topic, lanes, dead-letter queues and subscriptions in LocalStack.

LocalStack runs this file by itself when it is ready, at every start; running it again changes nothing. What is made is
written in topology.json: mounted at /etc/localstack/init/topology.json in the container, and wherever TOPOLOGY_FILE
says outside of it. No `if __name__`: LocalStack executes the text of this file, so it has no name and no path.
"""

import json
import os

import boto3

REGION = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
# The gateway's own port, on the IPv4 loopback: `localhost` may be ::1, where nothing listens.
PORT = os.environ.get("GATEWAY_LISTEN", ":4566").rpartition(":")[2]
TOPOLOGY_FILE = os.environ.get("TOPOLOGY_FILE", "/etc/localstack/init/topology.json")

aws = {
    "endpoint_url": f"http://127.0.0.1:{PORT}",
    "region_name": REGION,
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
}
sns = boto3.client("sns", **aws)
sqs = boto3.client("sqs", **aws)


def make_queue(name):
    """Without attributes this is idempotent, whatever the queue has become since."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, attributes["Attributes"]["QueueArn"]


def send_policy(queue_arn, topic_arn):
    statement = {
        "Sid": "topic-sends",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def make_queues(lane, topic_arn):
    """A lane's queue and its dead-letter queue; gives the ARN of the queue."""
    url, arn = make_queue(lane["queue"])
    dead_url, dead_arn = make_queue(lane["deadLetterQueue"])
    allow = {"redrivePermission": "byQueue", "sourceQueueArns": [arn]}
    dead_attributes = {
        "MessageRetentionPeriod": str(lane["deadLetterRetentionSeconds"]),
        "RedriveAllowPolicy": json.dumps(allow),
    }
    sqs.set_queue_attributes(QueueUrl=dead_url, Attributes=dead_attributes)
    redrive = {"deadLetterTargetArn": dead_arn, "maxReceiveCount": lane["maxReceiveCount"]}
    attributes = {
        "VisibilityTimeout": str(lane["visibilitySeconds"]),
        "ReceiveMessageWaitTimeSeconds": str(lane["waitSeconds"]),
        "MessageRetentionPeriod": str(lane["retentionSeconds"]),
        "RedrivePolicy": json.dumps(redrive),
        "Policy": json.dumps(send_policy(arn, topic_arn)),
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    return arn


def subscribe(lane, topic_arn, queue_arn):
    """The scope before the policy: it says how the policy is read. A lane without a policy takes everything."""
    subscription = sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn, ReturnSubscriptionArn=True)
    attributes = {"RawMessageDelivery": json.dumps(lane["rawMessageDelivery"])}
    if lane["filterPolicy"] is not None:
        attributes["FilterPolicyScope"] = lane["filterPolicyScope"]
        attributes["FilterPolicy"] = json.dumps(lane["filterPolicy"])
    for name, value in attributes.items():
        sns.set_subscription_attributes(
            SubscriptionArn=subscription["SubscriptionArn"], AttributeName=name, AttributeValue=value
        )


with open(TOPOLOGY_FILE, encoding="utf-8") as file:
    topology = json.load(file)
topic = sns.create_topic(Name=topology["topic"])["TopicArn"]
for each in topology["lanes"]:
    subscribe(each, topic, make_queues(each, topic))
