"""An account as boto3 sees it: everything in it of the kinds that a lab is made of, and what of that is a whole lab.

Knows nothing of how labctl or Terraform read. What was there before (`foreign`, an inventory) is no part of the lab.
"""

import boto3

REGION = "us-east-1"
LAB, ZONE = "do4ds-lab", "do4ds-lab.shop."
OWNED = {"labctl:lab": LAB, "labctl:region": REGION}
# What the lab of plans/do4ds-lab.yaml has one of.
ONE_EACH = ("instances", "volumes", "addresses", "security groups", "key pairs", "roles", "instance profiles", "buckets", "zones")


def tags(listed):
    return {tag["Key"]: tag["Value"] for tag in listed or []}


def by(key, listed):
    return {thing[key]: thing for thing in listed}


class Account:
    def __init__(self, session=None, **where):
        session = session or boto3.Session()
        client = lambda name: session.client(name, region_name=REGION, **where)
        self.ec2, self.iam, self.s3, self.route53, self.tagging = map(client, ("ec2", "iam", "s3", "route53", "resourcegroupstaggingapi"))

    def inventory(self):
        """Everything of each kind by its id, without what every account has and what is terminated."""
        ec2, iam = self.ec2, self.iam
        found = [i for reservation in ec2.describe_instances()["Reservations"] for i in reservation["Instances"]]
        return {
            "instances": by("InstanceId", [i for i in found if i["State"]["Name"] != "terminated"]),
            "volumes": by("VolumeId", ec2.describe_volumes()["Volumes"]),
            "addresses": by("AllocationId", ec2.describe_addresses()["Addresses"]),
            "security groups": by("GroupId", [g for g in ec2.describe_security_groups()["SecurityGroups"] if g["GroupName"] != "default"]),
            "key pairs": by("KeyPairId", ec2.describe_key_pairs()["KeyPairs"]),
            "networks": by("VpcId", [v for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"]]),
            "gateways": by("InternetGatewayId", [g for g in ec2.describe_internet_gateways()["InternetGateways"] if g.get("Tags")]),
            "roles": {role["RoleName"]: self.role(role["RoleName"]) for role in iam.list_roles()["Roles"]},
            "instance profiles": by("InstanceProfileName", iam.list_instance_profiles()["InstanceProfiles"]),
            "OIDC providers": by("Arn", iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]),
            "buckets": {bucket["Name"]: self.bucket(bucket["Name"]) for bucket in self.s3.list_buckets()["Buckets"]},
            "zones": {zone["Id"]: self.zone(zone) for zone in self.route53.list_hosted_zones()["HostedZones"]},
        }

    def role(self, name):
        names = self.iam.list_role_policies(RoleName=name)["PolicyNames"]
        policies = {p: self.iam.get_role_policy(RoleName=name, PolicyName=p)["PolicyDocument"] for p in names}
        role = self.iam.get_role(RoleName=name)["Role"]
        return {"tags": tags(role.get("Tags")), "trust": role["AssumeRolePolicyDocument"], "policies": policies}

    def bucket(self, name):
        ask, listed = self.s3, self.s3.list_object_versions(Bucket=name)
        try:
            tagged = tags(ask.get_bucket_tagging(Bucket=name)["TagSet"])
        except ask.exceptions.ClientError:  # NoSuchTagSet
            tagged = {}
        return {
            "tags": tagged,
            "objects": [(version["Key"], version["VersionId"]) for version in listed.get("Versions", [])],
            "versioning": ask.get_bucket_versioning(Bucket=name).get("Status"),
        }

    def zone(self, zone):
        records = self.route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        listed = self.route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone["Id"].split("/")[-1])["ResourceTagSet"]["Tags"]
        return {
            "name": zone["Name"],
            "tags": tags(listed),
            "records": {(r["Name"], r["Type"]): [v["Value"].rstrip(".") for v in r["ResourceRecords"]] for r in records},
        }

    def tagged(self, alive):
        """What the tagging API lists for the lab, without instances that are already terminated."""
        pages = self.tagging.get_paginator("get_resources").paginate(TagFilters=[{"Key": "labctl:lab", "Values": [LAB]}])
        arns = [resource["ResourceARN"] for page in pages for resource in page["ResourceTagMappingList"]]
        return [arn for arn in arns if ":instance/" not in arn or arn.split("/")[-1] in alive]


def lab_of(inventory, foreign):
    """What is in an account and was not there before."""
    return {kind: {i: thing for i, thing in things.items() if i not in foreign.get(kind, {})} for kind, things in inventory.items()}


def counts(lab):
    return {kind: len(things) for kind, things in lab.items()}


def harmed(inventory, foreign):
    """What was there before and is not as it was: nothing of that is the lab's to touch."""
    return [f"{kind} {i}" for kind, things in foreign.items() for i, thing in things.items() if inventory[kind].get(i) != thing]


def rules(group):
    """A security group's rules in, one by one, as (port, source)."""
    return sorted(
        (permission["FromPort"], source)
        for permission in group["IpPermissions"]
        for source in [r["CidrIp"] for r in permission["IpRanges"]] + [r["CidrIpv6"] for r in permission["Ipv6Ranges"]]
    )


def resources(role):
    """Which ARNs a role's policies name."""
    statements = [statement for policy in role["policies"].values() for statement in policy["Statement"]]
    named = [s["Resource"] if isinstance(s["Resource"], list) else [s["Resource"]] for s in statements]
    return sorted({arn for arns in named for arn in arns})


def facts(account, lab):
    """What a whole lab has, whoever made it: one of each kind must be there."""
    ((instance,), (volume,), (address,), (group,), (key,), (role,), (profile,), (bucket,), (zone,)) = (list(lab[kind].values()) for kind in ONE_EACH)
    (bucket_name,) = lab["buckets"]
    (image,) = account.ec2.describe_images(ImageIds=[instance["ImageId"]])["Images"]
    encryption = account.s3.get_bucket_encryption(Bucket=bucket_name)["ServerSideEncryptionConfiguration"]["Rules"]
    attached = [attachment["InstanceId"] for attachment in volume["Attachments"]]
    return {
        "instance type": instance["InstanceType"],
        "instance state": instance["State"]["Name"],
        "newest image": image["Name"].rsplit("/", 1)[1],
        "IMDSv2": instance["MetadataOptions"]["HttpTokens"],
        "key of the instance": instance["KeyName"] == key["KeyName"],
        "group of the instance": [g["GroupId"] for g in instance["SecurityGroups"]] == [group["GroupId"]],
        "profile of the instance": instance.get("IamInstanceProfile", {}).get("Arn") == profile["Arn"],
        "role of the profile": [r["RoleName"] for r in profile["Roles"]] == list(lab["roles"]),
        "address of the instance": address.get("InstanceId") == instance["InstanceId"],
        "root volume": (volume["Size"], volume["VolumeType"], volume["Encrypted"], attached == [instance["InstanceId"]]),
        "rules in": rules(group),
        "role reaches": resources(role),
        "bucket versioning": bucket["versioning"],
        "bucket encryption": encryption[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
        "bucket closed": set(account.s3.get_public_access_block(Bucket=bucket_name)["PublicAccessBlockConfiguration"].values()) == {True},
        "apex record": zone["records"].get((ZONE, "A")) == [address["PublicIp"]],
        "wildcard record": zone["records"].get(("\\052." + ZONE, "A")) == [address["PublicIp"]],
        "www record": zone["records"].get(("www." + ZONE, "CNAME")),
    }


def expected_facts(bucket, instance_type="t3.micro", ssh_from="203.0.113.7/32"):
    return {
        "instance type": instance_type,
        "instance state": "running",
        "newest image": "ubuntu-noble-24.04-amd64-server-20260915",
        "IMDSv2": "required",
        "key of the instance": True,
        "group of the instance": True,
        "profile of the instance": True,
        "role of the profile": True,
        "address of the instance": True,
        "root volume": (30, "gp3", True, True),
        "rules in": [(22, ssh_from), (80, "0.0.0.0/0"), (80, "::/0"), (443, "0.0.0.0/0"), (443, "::/0")],
        "role reaches": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "bucket versioning": "Enabled",
        "bucket encryption": "AES256",
        "bucket closed": True,
        "apex record": True,
        "wildcard record": True,
        "www record": [ZONE.rstrip(".")],
    }


def marks(account, lab):
    """What labctl has to have written on a whole lab."""
    (profile,) = lab["instance profiles"]
    tagged = {kind: tags(thing.get("Tags")) for kind in ONE_EACH[:5] for thing in lab[kind].values()}
    tagged["instance profile"] = tags(account.iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"].get("Tags"))
    tagged |= {kind: thing["tags"] for kind in ("roles", "buckets", "zones") for thing in lab[kind].values()}
    (zone,) = lab["zones"].values()
    return {
        "records of other kinds": sorted({kind for _, kind in zone["records"]} - {"A", "CNAME", "NS", "SOA"}),
        "not tagged as ours": [what for what, found in tagged.items() if not is_owned(found)],
    }


# The companions say whose the records are.
EXPECTED_MARKS = {"records of other kinds": ["TXT"], "not tagged as ours": []}


def is_owned(found):
    """Do the tags name our lab and a resource of it, and carry the plan's own tag, and no note of a change in progress?"""
    return OWNED.items() <= found.items() and bool(found.get("labctl:resource")) and found.get("project") == "penguins" and "labctl:transaction" not in found


def differences(expected, found):
    return [f"{what}: expected {expected[what]}, found {found.get(what)}" for what in expected if found.get(what) != expected[what]]
