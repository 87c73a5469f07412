"""Looks at an account from outside, with boto3: is exactly the lab of plans/do4ds-lab.yaml there, or nothing?

    check_lab.py present --instance-type t3.micro
    check_lab.py absent

The account must have been empty before: everything found counts. AWS_ENDPOINT_URL says where.
Exits 1 and says what differs.
"""

import argparse
import sys

import boto3

LAB, ZONE = "do4ds-lab", "do4ds-lab.shop."
OWNED = {"labctl:lab": LAB, "labctl:region": "us-east-1"}

ec2, iam, s3, route53, tagging = (boto3.client(name, region_name="us-east-1") for name in ("ec2", "iam", "s3", "route53", "resourcegroupstaggingapi"))


def tags(listed):
    return {tag["Key"]: tag["Value"] for tag in listed or []}


def owned(listed):
    """Do the tags name our lab and a resource of it, and carry the plan's own tag?"""
    found = tags(listed)
    return OWNED.items() <= found.items() and bool(found.get("labctl:resource")) and found.get("project") == "penguins"


def instances():
    found = [i for reservation in ec2.describe_instances()["Reservations"] for i in reservation["Instances"]]
    return [i for i in found if i["State"]["Name"] != "terminated"]


def everything():
    """How many there are of each kind of thing a lab is made of, leaving out what every account has."""
    groups = [g for g in ec2.describe_security_groups()["SecurityGroups"] if g["GroupName"] != "default"]
    return {
        "instances": len(instances()),
        "volumes": len(ec2.describe_volumes()["Volumes"]),
        "addresses": len(ec2.describe_addresses()["Addresses"]),
        "security groups": len(groups),
        "key pairs": len(ec2.describe_key_pairs()["KeyPairs"]),
        "networks": len([v for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"]]),
        "gateways": len(ec2.describe_internet_gateways(Filters=[{"Name": "tag-key", "Values": ["labctl:lab"]}])["InternetGateways"]),
        "roles": len(iam.list_roles()["Roles"]),
        "instance profiles": len(iam.list_instance_profiles()["InstanceProfiles"]),
        "OIDC providers": len(iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]),
        "buckets": len(s3.list_buckets()["Buckets"]),
        "zones": len(route53.list_hosted_zones()["HostedZones"]),
        "tagged, of any kind": len(tagged()),
    }


def tagged():
    """What the tagging API lists for the lab, without instances that are already terminated."""
    pages = tagging.get_paginator("get_resources").paginate(TagFilters=[{"Key": "labctl:lab", "Values": [LAB]}])
    arns = [resource["ResourceARN"] for page in pages for resource in page["ResourceTagMappingList"]]
    alive = {i["InstanceId"] for i in instances()}
    return [arn for arn in arns if ":instance/" not in arn or arn.split("/")[-1] in alive]


def rules(group):
    """A security group's rules in, one by one, as (port, source)."""
    return sorted(
        (permission["FromPort"], source)
        for permission in group["IpPermissions"]
        for source in [r["CidrIp"] for r in permission["IpRanges"]] + [r["CidrIpv6"] for r in permission["Ipv6Ranges"]]
    )


def lab_facts(bucket):
    """What the plan asks for, as found."""
    (instance,), (volume,), (address,) = instances(), ec2.describe_volumes()["Volumes"], ec2.describe_addresses()["Addresses"]
    (group,) = [g for g in ec2.describe_security_groups()["SecurityGroups"] if g["GroupName"] != "default"]
    (key,), (zone,) = ec2.describe_key_pairs()["KeyPairs"], route53.list_hosted_zones()["HostedZones"]
    (image,) = ec2.describe_images(ImageIds=[instance["ImageId"]])["Images"]
    (profile,) = iam.list_instance_profiles()["InstanceProfiles"]
    role = iam.get_role(RoleName=profile["Roles"][0]["RoleName"])["Role"]
    policies = [iam.get_role_policy(RoleName=role["RoleName"], PolicyName=p)["PolicyDocument"] for p in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]]
    arns = {arn for policy in policies for s in policy["Statement"] for arn in ([s["Resource"]] if isinstance(s["Resource"], str) else s["Resource"])}
    records = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    values = {(r["Name"], r["Type"]): [v["Value"].rstrip(".") for v in r["ResourceRecords"]] for r in records}
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    zone_tags = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone["Id"].split("/")[-1])["ResourceTagSet"]["Tags"]
    return {
        "instance type": instance["InstanceType"],
        "instance state": instance["State"]["Name"],
        "newest image": image["Name"].rsplit("/", 1)[1],
        "IMDSv2": instance["MetadataOptions"]["HttpTokens"],
        "key of the instance": instance["KeyName"] == key["KeyName"],
        "group of the instance": [g["GroupId"] for g in instance["SecurityGroups"]] == [group["GroupId"]],
        "profile of the instance": instance["IamInstanceProfile"]["Arn"] == profile["Arn"],
        "address of the instance": address.get("InstanceId") == instance["InstanceId"],
        "root volume": (volume["Size"], volume["VolumeType"], volume["Encrypted"], volume["Attachments"][0]["InstanceId"] == instance["InstanceId"]),
        "rules in": rules(group),
        "role reaches": sorted(arns),
        "bucket versioning": s3.get_bucket_versioning(Bucket=bucket).get("Status"),
        "bucket encryption": encryption[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
        "bucket closed": set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True},
        "apex record": values.get((ZONE, "A")) == [address["PublicIp"]],
        "wildcard record": values.get(("\\052." + ZONE, "A")) == [address["PublicIp"]],
        "www record": values.get(("www." + ZONE, "CNAME")),
        "records of other kinds": sorted({kind for name, kind in values} - {"A", "CNAME", "NS", "SOA"}),
        "not tagged as ours": [
            what
            for what, listed in {
                "instance": instance["Tags"], "volume": volume.get("Tags"), "address": address.get("Tags"), "group": group["Tags"], "key": key["Tags"],
                "profile": iam.get_instance_profile(InstanceProfileName=profile["InstanceProfileName"])["InstanceProfile"].get("Tags"),
                "role": role.get("Tags"), "bucket": s3.get_bucket_tagging(Bucket=bucket)["TagSet"], "zone": zone_tags,
            }.items()
            if not owned(listed)
        ],
    }


def expected_facts(options):
    return {
        "instance type": options.instance_type,
        "instance state": "running",
        "newest image": "ubuntu-noble-24.04-amd64-server-20260915",
        "IMDSv2": "required",
        "key of the instance": True,
        "group of the instance": True,
        "profile of the instance": True,
        "address of the instance": True,
        "root volume": (30, "gp3", True, True),
        "rules in": [(22, options.ssh_from), (80, "0.0.0.0/0"), (80, "::/0"), (443, "0.0.0.0/0"), (443, "::/0")],
        "role reaches": [f"arn:aws:s3:::{options.bucket}", f"arn:aws:s3:::{options.bucket}/*"],
        "bucket versioning": "Enabled",
        "bucket encryption": "AES256",
        "bucket closed": True,
        "apex record": True,
        "wildcard record": True,
        "www record": [ZONE.rstrip(".")],
        "records of other kinds": ["TXT"],  # the companions that say whose the records are
        "not tagged as ours": [],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("state", choices=["present", "absent"])
    parser.add_argument("--instance-type", default="t3.micro")
    parser.add_argument("--bucket", default="do4ds-lab-penguins")
    parser.add_argument("--ssh-from", default="203.0.113.7/32", metavar="CIDR", help="what `my-ip` stands for")
    options = parser.parse_args()
    there = options.state == "present"
    one_each = {"instances", "volumes", "addresses", "security groups", "key pairs", "roles", "instance profiles", "buckets", "zones"}
    found = everything()
    expected = {kind: int(there and kind in one_each) for kind in found}
    # instance, volume, group and bucket: the tagging API of the emulator knows no other kinds
    expected["tagged, of any kind"] = 4 if there else 0
    if there and found == expected:
        found |= lab_facts(options.bucket)
        expected |= expected_facts(options)
    wrong = [f"{what}: expected {expected[what]}, found {found[what]}" for what in found if found[what] != expected[what]]
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    if not wrong:
        print(f"seen from outside: {len(found)} facts hold, the lab is {options.state}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
