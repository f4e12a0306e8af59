# The topology has one definition, src/pubsub/topology-definition.ts; topology.json is what it comes to. Nothing of it is
# said again here: `npm test` fails when a property of it is used nowhere in this folder.
locals {
  topology = jsondecode(var.topology_json != null ? var.topology_json : file("${path.module}/../topology.json"))

  named = { for key in distinct(concat([local.topology.topic], flatten([
    for lane in local.topology.lanes : [lane.queue, lane.deadLetterQueue]
  ]))) : key => "${var.name}${trimprefix(key, local.topology.name)}" }

  topic = local.named[local.topology.topic]
  lanes = { for lane in local.topology.lanes : lane.lane => lane }
}

data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

locals {
  region     = data.aws_region.current.name
  account    = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix # amazonaws.com, in China with .cn

  # Made up rather than read off the topic: the key's policy names the topic, and the topic the key.
  topic_arn = "arn:${data.aws_partition.current.partition}:sns:${local.region}:${local.account}:${local.topic}"
}
