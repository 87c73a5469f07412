"""What AWS refuses or does, and moto does not: kept beside moto, one `Strict` per account.

* RunInstances with a used ClientToken gives the first answer again; with other parameters, or
  once the instance was terminated, it is an error. Termination protection is honoured.
* What is no id of an instance is told from an instance that is not there.
* The type of an instance changes only while it is stopped; a volume only grows.
* A security group is not deleted while an instance that is not terminated, a network interface or
  a rule of another group uses it, an address not released while it is associated, and a terminated
  instance keeps no network interface.
* A network has one internet gateway. EC2's tags have keys of at most 128 characters, none of AWS's own.
* Who may assume a role is said in JSON.
* With `profile_ms`, EC2 does not know a new instance profile, nor the role in it, for that long.
* The permissions boundary of a role is a policy of its account, or of AWS's own.
* The CallerReference of a hosted zone is never taken again, not even after its deletion.
* Record changes are checked as Route 53 does, and `*` is listed as `\\052`.
* A new bucket takes the tags of its creating call, is encrypted, and closed to the public.
* A bucket is closed to other accounts unless it has a policy, whatever that says, and to calls
  that expect another owner.
* With `transition_ms`, an instance stays pending, stopping or shutting-down, and a change of
  records PENDING, for that long; a pending instance takes no address. With `instances_wait`, an
  instance stays in such a state until somebody else ends it.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from moto.backends import get_backend
from moto.ec2.models import elastic_ip_addresses, elastic_network_interfaces
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.utils import filter_dict_attribute_mapping
from moto.moto_api._internal import mock_random
from moto.route53.exceptions import Route53ClientError
from moto.route53.models import Route53Backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import Instance

# A request as WSGI has it (PEP 3333).
Environ = dict[str, Any]
READS = ("Describe", "Get", "List", "Head", "Search", "Simulate")


@dataclass
class Call:
    """One AWS request: which operation of which account, with which parameters."""

    service: str
    operation: str
    account: str
    region: str
    environ: Environ
    body: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def name(self) -> str:
        return f"{self.service}:{self.operation}"

    @property
    def mutating(self) -> bool:
        return not self.operation.startswith(READS)

    @property
    def form(self) -> dict[str, str]:
        """The parameters of a query-protocol call (EC2, IAM, STS)."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def bucket(self) -> str:
        """The bucket's name, from the path or, virtual-hosted, from the host."""
        return str(self.environ["PATH_INFO"].split("/")[1] or self.environ["HTTP_HOST"].split(".")[0])

    @property
    def ec2(self) -> EC2Backend:
        return get_backend("ec2")[self.account][self.region]

    @property
    def instances(self) -> dict[str, Instance]:
        return {i.id: i for reservation in self.ec2.reservations.values() for i in reservation.instances}


@dataclass
class Answer:
    """What goes back. None in its place: the connection is dropped without an answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def error(call: Call, status: int, code: str, message: str) -> Answer:
    """An AWS error in the wire format of the call's service."""
    text, request = escape(message), call.request_id
    fault = "Sender" if status < 500 else "Receiver"
    content_type = "text/xml"
    match call.service:
        case "ec2":
            body = f"<Response><Errors><Error><Code>{code}</Code><Message>{text}</Message></Error></Errors><RequestID>{request}</RequestID></Response>"
        case "s3":
            content_type = "application/xml"
            body = f"<Error><Code>{code}</Code><Message>{text}</Message><RequestId>{request}</RequestId><HostId>emulator</HostId></Error>"
        case "tagging" | "ssm":
            content_type = "application/x-amz-json-1.1"
            body = json.dumps({"__type": code, "message": message})
        case service:
            namespace = {"iam": "iam.amazonaws.com/doc/2010-05-08", "sts": "sts.amazonaws.com/doc/2011-06-15"}.get(
                service, "route53.amazonaws.com/doc/2013-04-01"
            )
            body = f'<ErrorResponse xmlns="https://{namespace}/"><Error><Type>{fault}</Type><Code>{code}</Code><Message>{text}</Message></Error><RequestId>{request}</RequestId></ErrorResponse>'
    body = "" if call.environ["REQUEST_METHOD"] == "HEAD" else body
    return Answer(
        status,
        [("Content-Type", content_type), ("x-amzn-RequestId", request), ("x-amz-request-id", request)],
        body.encode(),
    )


class Strict:
    LASTING = {"running": ("pending", 0), "stopped": ("stopping", 64), "terminated": ("shutting-down", 32)}

    def __init__(self) -> None:
        self.enabled = True
        self.transition_ms = 0
        self.profile_ms = 0
        self.instances_wait = False
        self.forget()

    def forget(self) -> None:
        self.tokens: dict[
            str, tuple[dict[str, str], Answer, list[str]]
        ] = {}  # ClientToken: (parameters, answer, instance ids)
        self.references: set[str] = set()  # CallerReferences of hosted zones
        self.roles_added: dict[str, float] = {}  # instance profile: when it got its role
        self.moving: dict[
            Instance, tuple[float, str, int]
        ] = {}  # instance: (due, name and code of the state it will have)
        self.insync = 0.0  # when the last change of records is in sync

    def before(self, call: Call) -> Answer | None:
        """An answer instead of moto's, or None: moto is asked."""
        self.settle()
        check: Callable[[Call], Answer | None] = getattr(self, f"before_{call.operation}", lambda _: None)
        return self.refuse_account(call) or check(call) if self.enabled else None

    def after(self, call: Call, answer: Answer) -> Answer:
        """moto's answer, mended."""
        check: Callable[[Call, Answer], Answer] | None = getattr(self, f"after_{call.operation}", None)
        return check(call, answer) if self.enabled and check and answer.status < 300 else answer

    def hasten(self) -> None:
        """Lets nothing last longer than what begins now would."""
        latest = time.monotonic() + self.transition_ms / 1000
        self.moving = {instance: (min(due, latest), name, code) for instance, (due, name, code) in self.moving.items()}
        self.insync = min(self.insync, latest)

    def settle(self) -> None:
        """Ends the transitions that are due."""
        for instance, (due, name, code) in list(self.moving.items()):
            if due <= time.monotonic():
                instance._state.name, instance._state.code = name, code
                del self.moving[instance]

    # EC2

    def before_RunInstances(self, call: Call) -> Answer | None:
        form = call.form
        profile = form.get("IamInstanceProfile.Name") or form.get("IamInstanceProfile.Arn", "").split("/")[-1]
        profiles = {p.name: p for p in get_backend("iam")[call.account]["aws"].instance_profiles.values()}
        if profile and profile not in profiles:
            return error(
                call,
                400,
                "InvalidParameterValue",
                f"Value ({profile}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
            )
        if profile and (
            not profiles[profile].roles or time.monotonic() - self.roles_added.get(profile, 0) < self.profile_ms / 1000
        ):
            return error(
                call,
                400,
                "InvalidParameterValue",
                f'IAM Instance Profile "{profiles[profile].arn}" has no associated IAM Roles',
            )
        if form.get("ClientToken") not in self.tokens:
            return None
        first, answer, ids = self.tokens[form["ClientToken"]]
        if form != first:
            return error(
                call,
                400,
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            )
        if any(i not in call.instances or call.instances[i].state in ("shutting-down", "terminated") for i in ids):
            return error(
                call,
                400,
                "IdempotentInstanceTerminated",
                "The client token has an associated instance that has been terminated.",
            )
        return answer

    def after_RunInstances(self, call: Call, answer: Answer) -> Answer:
        form, ids = call.form, instance_ids(answer)
        for instance in [call.instances[i] for i in ids]:
            instance.disable_api_termination = form.get("DisableApiTermination") == "true"
            for interface in instance.nics.values():
                interface.delete_on_termination = True
        if form.get("ClientToken"):
            self.tokens[form["ClientToken"]] = (form, answer, ids)
        return self.linger(call, answer)

    def linger(self, call: Call, answer: Answer) -> Answer:
        """Holds the instances that just changed state in the state before."""
        for instance in [call.instances[i] for i in instance_ids(answer) if self.transition_ms or self.instances_wait]:
            state = instance._state
            if state.name in self.LASTING:
                if not self.instances_wait:
                    self.moving[instance] = (time.monotonic() + self.transition_ms / 1000, state.name, state.code)
                state.name, state.code = self.LASTING[state.name]
        return answer

    def after_TerminateInstances(self, call: Call, answer: Answer) -> Answer:
        for instance in [call.instances[i] for i in instance_ids(answer)]:
            for interface in instance.nics.values():
                interface.delete_on_termination = False  # it is deleted; moto would do it again if it were asked again
        return self.linger(call, answer)

    def after_StartInstances(self, call: Call, answer: Answer) -> Answer:
        keep_addresses(call.ec2)
        return self.linger(call, answer)

    after_StopInstances = after_StartInstances

    def before_DescribeInstances(self, call: Call) -> Answer | None:
        for name, value in call.form.items():
            if name.startswith("InstanceId.") and not re.fullmatch(r"i-([0-9a-f]{8}|[0-9a-f]{17})", value):
                return error(call, 400, "InvalidInstanceID.Malformed", f'Invalid id: "{value}"')
        return None

    def refuse_in_state(self, call: Call, states: tuple[str, ...], what: str) -> Answer | None:
        ids = [value for key, value in call.form.items() if key.startswith("InstanceId.")]
        for instance in [call.instances[i] for i in ids if i in call.instances]:
            if instance.state in states:
                return error(
                    call,
                    400,
                    "IncorrectInstanceState",
                    f"The instance '{instance.id}' is not in a state from which it can be {what}.",
                )
        return None

    def before_StopInstances(self, call: Call) -> Answer | None:
        return self.refuse_in_state(call, ("pending", "shutting-down", "terminated"), "stopped")

    def before_StartInstances(self, call: Call) -> Answer | None:
        return self.refuse_in_state(call, ("stopping", "shutting-down", "terminated"), "started")

    def before_RebootInstances(self, call: Call) -> Answer | None:
        return self.refuse_in_state(call, ("pending", "stopping", "stopped", "shutting-down", "terminated"), "rebooted")

    def before_ModifyInstanceAttribute(self, call: Call) -> Answer | None:
        instance = call.instances.get(call.form.get("InstanceId", ""))
        kind = call.form.get("InstanceType.Value")
        if instance and kind and instance.state != "stopped":
            return error(
                call, 400, "IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state."
            )
        if kind and kind not in INSTANCE_TYPES:
            return error(call, 400, "InvalidInstanceAttributeValue", f"The instance type '{kind}' does not exist.")
        return None

    def before_ModifyInstanceMetadataOptions(self, call: Call) -> None:
        instance = call.instances.get(call.form.get("InstanceId", ""))
        self.options = dict(vars(instance.metadata_options)) if instance else {}

    def after_ModifyInstanceMetadataOptions(self, call: Call, answer: Answer) -> Answer:
        options = call.instances[call.form["InstanceId"]].metadata_options
        for name, value in self.options.items():  # moto forgets those that the call does not name
            if name.title().replace("_", "") not in call.form:
                setattr(options, name, value)
        return answer

    def before_ModifyVolume(self, call: Call) -> Answer | None:
        volume = call.ec2.volumes.get(call.form.get("VolumeId", ""))
        if volume and int(call.form.get("Size", volume.size)) < volume.size:
            return error(call, 400, "InvalidParameterValue", "New size cannot be smaller than existing size")
        return None

    def before_AssociateAddress(self, call: Call) -> Answer | None:
        instance = call.instances.get(call.form.get("InstanceId", ""))
        if instance and instance.state != "running" and instance.state != "stopped":
            return error(
                call,
                400,
                "InvalidInstanceID",
                f"The {instance.state} instance '{instance.id}' is not in a valid state for this operation.",
            )
        return None

    def before_ReleaseAddress(self, call: Call) -> Answer | None:
        allocation = call.form.get("AllocationId")
        if any(a.allocation_id == allocation and a.association_id for a in call.ec2.addresses):
            return error(
                call,
                400,
                "InvalidIPAddress.InUse",
                f"The address with allocation id [{allocation}] cannot be released because it is associated.",
            )
        return None

    def before_AttachInternetGateway(self, call: Call) -> Answer | None:
        gateway, network = call.form.get("InternetGatewayId"), call.form.get("VpcId")
        others = [g.id for g in call.ec2.internet_gateways.values() if g.vpc and g.vpc.id == network]
        if others and gateway not in others:
            return error(
                call, 400, "InvalidParameterValue", f"Network {network} already has an internet gateway attached"
            )
        return None

    def before_CreateTags(self, call: Call) -> Answer | None:
        for name, key in call.form.items():
            if not re.fullmatch(r"Tag\.\d+\.Key", name):
                continue
            if key.lower().startswith("aws:"):
                return error(
                    call,
                    400,
                    "InvalidParameterValue",
                    f"Value ( {key} ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use",
                )
            if len(key) > 128:
                return error(
                    call,
                    400,
                    "InvalidParameterValue",
                    f"Value ( {key} ) for parameter key is invalid. Tag keys are at most 128 characters",
                )
        return None

    def after_AddRoleToInstanceProfile(self, call: Call, answer: Answer) -> Answer:
        self.roles_added[call.form["InstanceProfileName"]] = time.monotonic()
        return answer

    def before_RemoveRoleFromInstanceProfile(self, call: Call) -> Answer | None:
        profiles = {p.name: p for p in get_backend("iam")[call.account]["aws"].instance_profiles.values()}
        profile, role = profiles.get(call.form["InstanceProfileName"]), call.form["RoleName"]
        if profile and role not in [r.name for r in profile.roles]:
            return error(call, 404, "NoSuchEntity", f"Cannot find Role {role} in Instance Profile {profile.name}")
        return None

    def before_DeleteSecurityGroup(self, call: Call) -> Answer | None:
        group = call.form.get("GroupId")
        users = [g.id for i in call.instances.values() if i.state != "terminated" for g in i.security_groups]
        users += [g.id for interface in call.ec2.enis.values() for g in interface.group_set]
        others = [g for in_network in call.ec2.groups.values() for g in in_network.values() if g.id != group]
        rules = [rule for other in others for rule in other.ingress_rules + other.egress_rules]
        users += [str(rule.source_group.get("GroupId")) for rule in rules if rule.source_group]
        if group in users:
            return error(call, 400, "DependencyViolation", f"resource {group} has a dependent object")
        return None

    # S3

    def refuse_account(self, call: Call) -> Answer | None:
        """Refuses who may not reach a bucket, or expects it to be another account's (S3 User Guide, "Verifying bucket ownership")."""
        known = bucket_accounts().get(call.bucket) if call.service == "s3" else None
        if known is None or call.operation == "CreateBucket":
            return None
        partition, owner = known
        expected = call.environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", owner)
        if not re.fullmatch(r"[0-9]{12}", expected):
            return error(
                call,
                400,
                "InvalidBucketOwnerAWSAccountID",
                "The value of the expected bucket owner parameter must be an AWS account ID",
            )
        if (
            expected != owner
            or owner != call.account
            and not get_backend("s3")[owner][partition].buckets[call.bucket].policy
        ):
            return error(call, 403, "AccessDenied", "Access Denied")
        call.environ["HTTP_X_MOTO_ACCOUNT_ID"] = owner  # it answers as it does its own account
        return None

    def before_CreateBucket(self, call: Call) -> Answer | None:
        _, owner = bucket_accounts().get(call.bucket, ("", call.account))
        if owner != call.account:
            return error(call, 409, "BucketAlreadyExists", "The requested bucket name is not available.")
        return None

    def after_CreateBucket(self, call: Call, answer: Answer) -> Answer:
        name, s3 = call.bucket, get_backend("s3")[call.account]["aws"]
        bucket: Any = s3.get_bucket(name)
        if not hasattr(bucket, "born"):  # an own bucket can be "created" again, without any effect
            bucket.born = True
            tags = re.findall(r"<Tag>.*?</Tag>", call.body.decode(), re.S)
            if tags:
                s3.put_bucket_tagging(
                    name, {unescape(element("Key", tag)): unescape(element("Value", tag)) for tag in tags}
                )
            s3.put_bucket_encryption(
                name,
                {
                    "Rule": {
                        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                        "BucketKeyEnabled": "false",
                    }
                },
            )
            s3.put_public_access_block(
                name,
                dict.fromkeys(
                    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), "true"
                ),
            )
        return answer

    # IAM

    def before_CreateRole(self, call: Call) -> Answer | None:
        return self.check_trust(call, "AssumeRolePolicyDocument") or self.before_PutRolePermissionsBoundary(call)

    def before_PutRolePermissionsBoundary(self, call: Call) -> Answer | None:
        arn = call.form.get("PermissionsBoundary")
        if arn and arn.split(":")[4:5] not in ([call.account], ["aws"]):
            return error(call, 404, "NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.")
        return None

    def before_UpdateAssumeRolePolicy(self, call: Call) -> Answer | None:
        return self.check_trust(call, "PolicyDocument")

    @staticmethod
    def check_trust(call: Call, parameter: str) -> Answer | None:
        try:
            document = json.loads(call.form.get(parameter, ""))
        except ValueError:
            document = None
        if isinstance(document, dict) and document.get("Statement"):
            return None
        return error(call, 400, "MalformedPolicyDocument", "This policy contains invalid Json")

    # Route 53

    def before_CreateHostedZone(self, call: Call) -> Answer | None:
        reference = element("CallerReference", call.body.decode())
        if reference in self.references:
            return error(
                call,
                409,
                "HostedZoneAlreadyExists",
                f"A hosted zone has already been created with the specified caller reference: {reference}",
            )
        return None

    def after_CreateHostedZone(self, call: Call, answer: Answer) -> Answer:
        self.references.add(element("CallerReference", call.body.decode()))
        return answer

    def before_ListResourceRecordSets(self, call: Call) -> None:
        call.environ["QUERY_STRING"] = re.sub(r"(?i)%5C052", "%2A", call.environ["QUERY_STRING"])

    def after_ListResourceRecordSets(self, call: Call, answer: Answer) -> Answer:
        return Answer(
            answer.status, answer.headers, re.sub(rb"<(Name|NextRecordName)>\*\.", rb"<\1>\\052.", answer.body)
        )

    def after_ChangeResourceRecordSets(self, call: Call, answer: Answer) -> Answer:
        self.insync = time.monotonic() + self.transition_ms / 1000
        return self.after_GetChange(call, answer)

    def after_GetChange(self, call: Call, answer: Answer) -> Answer:
        if self.insync > time.monotonic():
            return Answer(answer.status, answer.headers, answer.body.replace(b"INSYNC", b"PENDING"))
        return answer


def bucket_accounts() -> dict[str, tuple[str, str]]:
    """The partition and account of each bucket; moto has one for all accounts, beside the backends of each."""
    backends: Any = get_backend("s3")
    accounts: dict[str, tuple[str, str]] = backends.bucket_accounts
    return accounts


def keep_addresses(ec2: EC2Backend) -> None:
    """Gives interfaces back their Elastic IPs, in whose place moto puts another address when an instance starts."""
    for address in ec2.addresses:
        if address.eni:
            address.eni.public_ip = address.public_ip


def instance_ids(answer: Answer) -> list[str]:
    return re.findall(r"<instanceId>(i-\w+)<", answer.body.decode())


def element(name: str, xml: str) -> str:
    found = re.search(rf"<{name}>(.*?)</{name}>", xml, re.S)
    return found.group(1) if found else ""


def change_records(backend: Route53Backend, zone_id: str, changes: list[dict[str, Any]]) -> None:
    """Changes records as Route 53 does: all or none, each checked against what is there.

    Stands in for moto's own, which takes a record that exists for new and deletes one by
    another value, and which remembers deleted records.
    """
    zone = backend.get_hosted_zone(zone_id)
    there = {(rrset.name, rrset.type): rrset for rrset in zone.rrsets}
    wrong = []
    for change in changes:
        wanted = dict(change["ResourceRecordSet"])
        wanted["Name"] = wanted["Name"].rstrip(".").lower().replace("\\052", "*") + "."
        wanted["ResourceRecords"] = [record["Value"] for record in wanted.get("ResourceRecords", [])]
        key = (wanted["Name"], wanted["Type"])
        name, kind = wanted["Name"].replace("*", "\\052"), wanted["Type"]
        set_name = f"resource record set [name='{name}', type='{kind}']"
        live = there.get(key)
        if not f".{wanted['Name']}".endswith(f".{zone.name}"):
            wrong.append(f"RRSet with DNS name {name} is not permitted in zone {zone.name}")
        elif change["Action"] == "DELETE":
            if not live:
                wrong.append(f"Tried to delete {set_name} but it was not found")
            elif (sorted(live.records), str(live.ttl)) != (sorted(wanted["ResourceRecords"]), str(wanted.get("TTL"))):
                wrong.append(f"Tried to delete {set_name} but the values provided do not match the current values")
            there.pop(key, None)
        elif change["Action"] == "CREATE" and live:
            wrong.append(f"Tried to create {set_name} but it already exists")
        else:
            others = [k for n, k in there if n == wanted["Name"] and k != kind]
            if kind == "CNAME" and wanted["Name"] == zone.name:
                wrong.append(f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone.name}")
            elif others and (kind == "CNAME" or "CNAME" in others):
                wrong.append(
                    f"RRSet of type {kind} with DNS name {name} is not permitted as it conflicts with other records with the same DNS name in zone {zone.name}"
                )
            there[key] = type(zone.rrsets[0])(wanted)
    if wrong:
        raise Route53ClientError("InvalidChangeBatch", f"[{', '.join(wrong)}]")
    zone.rrsets = list(there.values())


def address_of_nobody() -> str:
    """An address of 198.18.0.0/15, set aside for tests: moto's own are loopback or somebody's."""
    return f"198.{mock_random.choice((18, 19))}.{mock_random.randrange(256)}.{mock_random.randrange(1, 255)}"


filter_dict_attribute_mapping["client-token"] = "client_token"  # a filter that moto has not got
cast("Any", Route53Backend).change_resource_record_sets = change_records
cast("Any", elastic_ip_addresses).random_ip = address_of_nobody
cast("Any", elastic_network_interfaces).random_public_ip = address_of_nobody
