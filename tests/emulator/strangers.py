"""What others have in the account in which a lab is made: as near to it as can be, and not the lab's.

Half of it is another lab's, with labctl's own tags; the rest has no tags, or the lab's name in them and no more.
"""

import json

from outside import LAB, REGION, ZONE

ANOTHER = [{"Key": "labctl:lab", "Value": f"{LAB}-2"}, {"Key": "labctl:region", "Value": REGION}]
NEAR = [{"Key": "lab", "Value": LAB}, {"Key": "project", "Value": "penguins"}]
# A key that nobody has: 32 zero bytes.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def marked(address):
    return [*ANOTHER, {"Key": "labctl:resource", "Value": address}]


def plant(account):
    ec2, iam, s3, route53 = account.ec2, account.iam, account.s3, account.route53
    tagged = lambda kind, tags: [{"ResourceType": kind, "Tags": tags}]
    (image, *_) = ec2.describe_images(Owners=["099720109477"], Filters=[{"Name": "architecture", "Values": ["x86_64"]}])["Images"]
    ec2.import_key_pair(KeyName=f"{LAB}-2", PublicKeyMaterial=KEY.encode(), TagSpecifications=tagged("key-pair", marked("key_pair")))
    group = ec2.create_security_group(GroupName=f"{LAB}-2", Description="others", TagSpecifications=tagged("security-group", marked("security_group")))["GroupId"]
    for tags in (marked("instance"), NEAR):
        running = ec2.run_instances(ImageId=image["ImageId"], InstanceType="t3.micro", MinCount=1, MaxCount=1, SecurityGroupIds=[group], TagSpecifications=tagged("instance", tags) + tagged("volume", tags))
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", marked("elastic_ip")))
    ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=running["Instances"][0]["InstanceId"])
    ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", NEAR))
    network = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=tagged("vpc", marked("vpc")))["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway", marked("internet_gateway")))["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=network, InternetGatewayId=gateway)
    ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=8, TagSpecifications=tagged("volume", NEAR))

    trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]})
    for name, tags in ((f"{LAB}-2-{REGION}", marked("role")), (f"{LAB}-{REGION}-2", NEAR)):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Tags=tags)
        iam.put_role_policy(RoleName=name, PolicyName="bucket", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))
        iam.create_instance_profile(InstanceProfileName=name, Tags=tags)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)

    for name, tags in ((f"{LAB}-of-others", NEAR), (f"{LAB}-2", marked("bucket"))):
        s3.create_bucket(Bucket=name)
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
        s3.put_object(Bucket=name, Key="kept", Body=b"data")

    for reference, name in (("theirs", f"other.{ZONE}"), (f"labctl/{LAB}-2/{REGION}/{LAB}-2.shop/0", f"{LAB}-2.shop")):
        zone = route53.create_hosted_zone(Name=name, CallerReference=reference)["HostedZone"]["Id"]
        record = {"Name": f"www.{name}", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": address["PublicIp"]}]}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]})
