"""A request to AWS → what IAM has to allow for it: actions, each on a resource and in a context.

After AWS's "Service Authorization Reference" (of which `reference.json` is an extract): required resources, those that
are optional and in the request, and dependent actions. The tags of what is there are asked of moto, in this process.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote
from xml.etree import ElementTree

from moto.backends import get_backend

ORIGIN = {
    "eipalloc": "elastic-ip", "i": "instance", "igw": "internet-gateway", "key": "key-pair", "rtb": "route-table",
    "sg": "security-group", "subnet": "subnet", "vol": "volume", "vpc": "vpc",
}
# What a call of EC2 is about: the parameter that names it, and its type.
ABOUT = {
    "DescribeInstanceAttribute": [("InstanceId", "instance")],
    "GetConsoleOutput": [("InstanceId", "instance")],
    "AssociateAddress": [("AllocationId", "elastic-ip"), ("InstanceId", "instance")],
    "ReleaseAddress": [("AllocationId", "elastic-ip")],
    "AuthorizeSecurityGroupIngress": [("GroupId", "security-group")],
    "RevokeSecurityGroupIngress": [("GroupId", "security-group")],
    "UpdateSecurityGroupRuleDescriptionsIngress": [("GroupId", "security-group")],
    "DeleteSecurityGroup": [("GroupId", "security-group")],
    "CreateSecurityGroup": [("VpcId", "vpc")],
    "CreateSubnet": [("VpcId", "vpc")],
    "CreateRouteTable": [("VpcId", "vpc")],
    "StartInstances": [("InstanceId.", "instance")],
    "StopInstances": [("InstanceId.", "instance")],
    "TerminateInstances": [("InstanceId.", "instance")],
    "ModifyInstanceAttribute": [("InstanceId", "instance"), ("GroupId.", "security-group")],
    "ModifyInstanceMetadataOptions": [("InstanceId", "instance")],
    "ModifyVolume": [("VolumeId", "volume")],
    "ModifySubnetAttribute": [("SubnetId", "subnet")],
    "AssociateIamInstanceProfile": [("InstanceId", "instance")],
    "DeleteVpc": [("VpcId", "vpc")],
    "DeleteSubnet": [("SubnetId", "subnet")],
    "DeleteInternetGateway": [("InternetGatewayId", "internet-gateway")],
    "AttachInternetGateway": [("InternetGatewayId", "internet-gateway"), ("VpcId", "vpc")],
    "DetachInternetGateway": [("InternetGatewayId", "internet-gateway"), ("VpcId", "vpc")],
    "CreateRoute": [("RouteTableId", "route-table")],
    "DeleteRouteTable": [("RouteTableId", "route-table")],
    "AssociateRouteTable": [("RouteTableId", "route-table"), ("SubnetId", "subnet")],
    "RunInstances": [("SecurityGroupId.", "security-group"), ("SubnetId", "subnet")],
}
# What a call of EC2 makes.
MAKES = {
    "AllocateAddress": ["elastic-ip"], "CreateInternetGateway": ["internet-gateway"], "CreateRouteTable": ["route-table"],
    "CreateSecurityGroup": ["security-group"], "CreateSubnet": ["subnet"], "CreateVpc": ["vpc"],
    "RunInstances": ["instance", "volume"],
}
# The calls of IAM in whose context is a role's boundary.
BOUNDED = (
    "CreateRole", "DeleteRole", "DeleteRolePermissionsBoundary", "DeleteRolePolicy", "GetRole",
    "PutRolePermissionsBoundary", "PutRolePolicy", "UpdateAssumeRolePolicy",
)
S3 = {
    "GetBucketEncryption": "GetEncryptionConfiguration", "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock", "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "ListObjectVersions": "ListBucketVersions",
}


@dataclass
class Asked:
    """One action on one resource."""

    action: str
    resource: str
    context: dict = field(default_factory=dict)


def asked_of(call):
    """Gives all that a call needs, with the account as it is before the call."""
    known = {"ec2": of_ec2, "iam": of_iam, "s3": of_s3, "route53": of_route53}
    if call.service == "sts" and call.operation == "GetCallerIdentity":
        return []  # nobody can be forbidden to ask that
    if call.service == "tagging":
        return [Asked(f"tag:{call.operation}", "*")]
    return known[call.service](call)


def tags_in(form, prefix="Tags.member."):
    """The tags of a query-protocol request, under names such as `Tags.member.1.Key`."""
    pairs = {}
    for name, key in form.items():
        if name.startswith(prefix) and name.endswith(".Key"):
            pairs[key] = form.get(name.removesuffix("Key") + "Value", "")
    return pairs


def requested(tags):
    return {f"aws:RequestTag/{key}": value for key, value in tags.items()}


class Ec2:
    """What EC2 knows of an account in a region."""

    def __init__(self, call):
        self.call = call
        self.backend = get_backend("ec2")[call.account][call.region]

    def tags(self, id):
        return {tag["key"]: tag["value"] for tag in self.backend.describe_tags(filters={"resource-id": [id]})}

    def there(self, action, kind, id):
        """An action on what is there; a key pair's ARN has its name."""
        name, tagged = id, self.tags(id)
        if kind == "key-pair":
            pairs = [(name, pair.id) for name, pair in self.backend.key_pairs.items() if id in (name, pair.id)]
            name, id = pairs[0] if pairs else (id, id)
            tagged = self.tags(id)
        context = {f"aws:ResourceTag/{key}": value for key, value in tagged.items()}
        return Asked(action, self.arn(f"{kind}/{name}"), {"ec2:Region": self.call.region, **context})

    def arn(self, rest, account=None):
        return f"arn:aws:ec2:{self.call.region}:{self.call.account if account is None else account}:{rest}"

    def made(self, action, kind, name, tags):
        """An action that makes something with tags, and the tags themselves."""
        resource, context = self.arn(f"{kind}/{name}"), {"ec2:Region": self.call.region, **requested(tags)}
        asked = [Asked(action, resource, context)]
        if tags:
            asked.append(Asked("ec2:CreateTags", resource, {**context, "ec2:CreateAction": self.call.operation}))
        return asked


def of_ec2(call):
    ec2, form, operation = Ec2(call), call.form, call.operation
    action = f"ec2:{operation}"
    asked = []
    for parameter, kind in ABOUT.get(operation, []):
        ids = [value for name, value in form.items() if name == parameter or (parameter.endswith(".") and name.startswith(parameter))]
        asked += [ec2.there(action, kind, id) for id in ids]
    specified = {}
    for name, kind in form.items():
        if match := re.fullmatch(r"(TagSpecification\.\d+\.)ResourceType", name):
            specified[kind] = tags_in(form, match.group(1) + "Tag.")
    for kind in MAKES.get(operation, []):
        asked += ec2.made(action, kind, "*", specified.get(kind, {}))
    special = {
        "ImportKeyPair": lambda: ec2.made(action, "key-pair", form["KeyName"], specified.get("key-pair", {})),
        "DeleteKeyPair": lambda: [ec2.there(action, "key-pair", form.get("KeyName") or form["KeyPairId"])],
        "RunInstances": lambda: launch(ec2, form),
        "AssociateIamInstanceProfile": lambda: [passed(call, form["IamInstanceProfile.Arn"].rpartition("/")[2])],
        "DisassociateIamInstanceProfile": lambda: [ec2.there(action, "instance", profile_holder(ec2, form))],
        "DisassociateAddress": lambda: [ec2.there(action, "elastic-ip", address_of(ec2, form["AssociationId"]))],
        "DisassociateRouteTable": lambda: routed(ec2, form["AssociationId"]),
        "CreateTags": lambda: tagged(ec2, form),
        "DeleteTags": lambda: tagged(ec2, form),
    }
    asked += special.get(operation, list)()
    if not asked:
        assert operation.startswith("Describe"), f"what {operation} needs is not known here"
        asked = [Asked(action, "*", {"ec2:Region": call.region})]
    return asked


def launch(ec2, form):
    action = "ec2:RunInstances"
    owner = ec2.backend.describe_images(ami_ids=[form["ImageId"]])[0].owner_id
    asked = [
        Asked(action, ec2.arn(f"image/{form['ImageId']}", account=""), {"ec2:Owner": owner}),
        Asked(action, ec2.arn("network-interface/*"), {"ec2:Region": ec2.call.region}),
    ]
    if "KeyName" in form:
        asked.append(ec2.there(action, "key-pair", form["KeyName"]))
    if "IamInstanceProfile.Arn" in form:
        asked.append(passed(ec2.call, form["IamInstanceProfile.Arn"].rpartition("/")[2]))
    return asked


def passed(call, profile):
    """Whoever hands a profile to EC2 hands its role to it."""
    roles = iam(call).get_instance_profile(profile).roles
    assert roles, f"the profile {profile} has no role"
    return Asked("iam:PassRole", roles[0].arn, {"iam:PassedToService": "ec2.amazonaws.com"})


def profile_holder(ec2, form):
    associations = ec2.backend.iam_instance_profile_associations.values()
    return next(one.instance.id for one in associations if one.association_id == form["AssociationId"])


def address_of(ec2, association):
    return next(a.allocation_id for a in ec2.backend.addresses if a.association_id == association)


def routed(ec2, association):
    table = next(t for t in ec2.backend.route_tables.values() if association in t._associations)
    action = "ec2:DisassociateRouteTable"
    return [ec2.there(action, "route-table", table.id), ec2.there(action, "subnet", table._associations[association])]


def tagged(ec2, form):
    action = f"ec2:{ec2.call.operation}"
    ids = [value for name, value in form.items() if name.startswith("ResourceId.")]
    asked = [ec2.there(action, ORIGIN[id.rpartition("-")[0]], id) for id in ids]
    for one in asked if action == "ec2:CreateTags" else []:
        one.context.update(requested(tags_in(form, "Tag.")))
    return asked


def iam(call):
    return get_backend("iam")[call.account]["aws"]


def of_iam(call):
    form, action = call.form, f"iam:{call.operation}"
    root = f"arn:aws:iam::{call.account}:"
    tags = tags_in(form)
    context = requested(tags)
    if call.operation == "ListRoles":
        return [Asked(action, "*")]
    if call.operation in BOUNDED and (boundary := boundary_of(call)):
        context["iam:PermissionsBoundary"] = boundary
    if "OpenIDConnectProvider" in call.operation:
        resource = form.get("OpenIDConnectProviderArn") or f"{root}oidc-provider/{form['Url'].removeprefix('https://')}"
    elif "InstanceProfileName" in form:
        resource = f"{root}instance-profile/{form['InstanceProfileName']}"
    else:
        resource = f"{root}role/{form['RoleName']}"
    asked = [Asked(action, resource, context)]
    if call.operation.startswith("Create") and tags:
        noun = call.operation.removeprefix("Create")
        asked.append(Asked(f"iam:Tag{noun}", resource, context))
    if call.operation == "AddRoleToInstanceProfile":
        role = f"{root}role/{form['RoleName']}"
        asked.append(Asked("iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"}))
    return asked


def boundary_of(call):
    """The boundary that a call sets or, where it sets none, that the role has."""
    if call.operation in ("CreateRole", "PutRolePermissionsBoundary"):
        return call.form.get("PermissionsBoundary")
    role = iam(call).roles.values()
    return next((one.permissions_boundary_arn for one in role if one.name == call.form["RoleName"]), None)


def of_s3(call):
    path = unquote(call.environ["PATH_INFO"]).lstrip("/")
    bucket = f"arn:aws:s3:::{path.split('/')[0]}"
    action = f"s3:{S3.get(call.operation, call.operation)}"
    if call.operation == "DeleteObjects":
        objects = ElementTree.fromstring(call.body)
        find = lambda entry, name: next((child.text for child in entry if child.tag.endswith(name)), None)
        entries = [entry for entry in objects if entry.tag.endswith("Object")]
        verb = lambda entry: "DeleteObjectVersion" if find(entry, "VersionId") else "DeleteObject"
        return [Asked(f"s3:{verb(entry)}", f"{bucket}/{find(entry, 'Key')}") for entry in entries]
    if call.operation == "PutObject":
        return [Asked(action, f"arn:aws:s3:::{path}")]
    asked = [Asked(action, bucket)]
    if call.operation == "CreateBucket" and b"<Tag>" in call.body:
        asked.append(Asked("s3:TagResource", bucket))
    return asked


def of_route53(call):
    action, path = f"route53:{call.operation}", call.environ["PATH_INFO"]
    if call.operation in ("ListHostedZonesByName", "CreateHostedZone"):
        return [Asked(action, "*")]
    zone = re.search(r"/hostedzone/(?:hostedzone/)?([^/]+)", path)
    change = re.search(r"/change/(?:change/)?([^/]+)", path)
    resource = f"arn:aws:route53:::hostedzone/{zone.group(1)}" if zone else f"arn:aws:route53:::change/{change.group(1)}"
    context = {}
    if call.operation == "ChangeResourceRecordSets":
        text = lambda name: [entry.text for entry in ElementTree.fromstring(call.body).iter() if entry.tag.endswith("}" + name)]
        # "Normalised": lower case, without the last dot, and other characters than these as octal numbers.
        plain = lambda name: re.sub(r"[^a-z0-9_.\\-]", lambda found: f"\\{ord(found.group()):03o}", name.lower().rstrip("."))
        prefix = "route53:ChangeResourceRecordSets"
        context[f"{prefix}NormalizedRecordNames"] = [plain(name) for name in text("Name")]
        context[f"{prefix}RecordTypes"] = text("Type")
        context[f"{prefix}Actions"] = text("Action")
    return [Asked(action, resource, context)]
