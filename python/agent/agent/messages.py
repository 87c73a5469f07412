"""What the laptop asks and what it is told, as types; they exist for mypy alone, and nothing imports them on a server.

Everything goes as JSON. The laptop's own types are in Rust, and a test compares both, field by field
(`tests/host/test_messages.py`). A field of a class with `total=False` is left out where it is not known; so None, which
such a field may be given here, is never sent (`common.known`).
"""

from typing import Literal, TypedDict

# Where the certificate comes from.
Https = Literal["dns", "files", "lets-encrypt", "off", "self-signed"]

# Requests


class AskedFile(TypedDict):
    """A file that the laptop wants to know about."""

    path: str
    sha256: str | None
    secret: bool
    private: bool


class ProbeRequest(TypedDict):
    """What the probe is asked for."""

    nonce: str
    files: list[AskedFile]
    users: list[str]
    units: list[str]
    packages: list[str]
    links: list[str]
    ports: list[int]


class FollowRequest(TypedDict):
    """Which apply to follow."""

    nonce: str
    run: str


class PasswordRequest(TypedDict):
    """Whose password to set."""

    nonce: str
    user: str


class ActiveGate(TypedDict):
    """The unit runs, and keeps running."""

    kind: Literal["active"]
    unit: str


class NginxGate(TypedDict):
    """NGINX serves just this configuration."""

    kind: Literal["nginx"]
    hash: str


class RedirectGate(TypedDict):
    """Port 80 leads to port 443."""

    kind: Literal["redirect"]
    host: str


class CertificateGate(TypedDict):
    """The certificate served is the one that is meant."""

    kind: Literal["certificate"]
    host: str | None


class PageGate(TypedDict):
    """A page answers through NGINX."""

    kind: Literal["page"]
    name: str
    url: str
    status: int
    contains: str


class ShinyGate(TypedDict):
    """A Shiny app's page answers, and its websocket speaks."""

    kind: Literal["shiny"]
    unit: str
    url: str


class ShinyServerGate(TypedDict):
    """The same behind Shiny Server."""

    kind: Literal["shiny_server"]
    unit: str
    url: str


class PredictGate(TypedDict):
    """The model's API predicts."""

    kind: Literal["predict"]
    unit: str
    program: str


class PublicApiGate(TypedDict):
    """The model's API answers the world."""

    kind: Literal["public_api"]
    unit: str
    url: str


class HubApiGate(TypedDict):
    """JupyterHub's API answers."""

    kind: Literal["hub_api"]
    url: str


class LoopbackGate(TypedDict):
    """Nobody listens on the ports but for the host itself."""

    kind: Literal["loopback"]
    ports: list[int]


class MetadataGate(TypedDict):
    """Users' programs cannot reach the instance metadata."""

    kind: Literal["metadata"]
    users: list[str]


class IsolationGate(TypedDict):
    """A user's programs cannot take the place of a service, reach it past NGINX, or see others' processes."""

    kind: Literal["isolation"]
    user: str


class BucketAccessGate(TypedDict):
    """Users reach the bucket as the plan has it."""

    kind: Literal["bucket_access"]
    unit: str
    bucket: str
    users: list[str]
    others: list[str]


class KernelGate(TypedDict):
    """A notebook's cell runs in each kernel."""

    kind: Literal["kernel"]
    user: str
    kernels: list[str]
    base: str


Gate = (
    ActiveGate
    | NginxGate
    | RedirectGate
    | CertificateGate
    | PageGate
    | ShinyGate
    | ShinyServerGate
    | PredictGate
    | PublicApiGate
    | HubApiGate
    | LoopbackGate
    | MetadataGate
    | IsolationGate
    | BucketAccessGate
    | KernelGate
)


class Model(TypedDict):
    """The model that the API runs with."""

    unit: str
    link: str
    source: str
    program: str
    settings: str
    environment: str
    context: str | None


class DoctorRequest(TypedDict):
    """What the doctor looks at."""

    nonce: str
    probe: ProbeRequest | None
    gates: list[Gate]
    model: Model | None
    deep: bool


class Swap(TypedDict):
    """A swap file."""

    path: str
    bytes: int


class Download(TypedDict):
    """A package that its vendor offers as a file."""

    package: str
    url: str
    sha256: str


class User(TypedDict):
    """A user to change."""

    name: str
    action: Literal["create", "update", "lock"]
    sudo: bool
    add_keys: list[str]
    remove_keys: list[str]


class NodePackages(TypedDict):
    """Packages of Node, by the two files that npm knows them by."""

    manifest: str
    lock: str


class Environment(TypedDict):
    """An environment to build."""

    name: str
    kind: Literal["python", "node", "r"]
    link: str
    target: str
    version: str | None
    requirements: str
    lock: str
    is_extended: bool
    node: NodePackages | None
    interpreters: str | None
    index: str | None
    registry: str | None
    room: int


class TreeFile(TypedDict):
    """A file of a folder of the laptop."""

    path: str
    sha256: str
    executable: bool


class Tree(TypedDict):
    """A folder of the laptop to lay out."""

    name: str
    link: str
    target: str
    reader: str | None
    files: list[TreeFile]


class Secret(TypedDict):
    """Something random that the server draws, and draws anew when the units that read it are started."""

    path: str
    key: str
    mode: str
    owner: str
    group: str
    renewed_with: list[str]


class Directory(TypedDict):
    """A folder that is there."""

    path: str
    mode: str
    owner: str
    group: str


class File(TypedDict):
    """A file to write."""

    path: str
    sha256: str
    mode: str
    owner: str
    group: str
    backup: bool
    private: bool


class Remove(TypedDict):
    """A file to remove, or to put back as it was before labctl."""

    path: str
    restore: str | None
    backup: bool


class UnitCheck(TypedDict):
    """All units at once, because they name each other."""

    kind: Literal["unit"]
    paths: list[str]


class FileCheck(TypedDict):
    """A file, and the program that reads it."""

    kind: Literal["nginx", "python", "sudoers", "sshd", "nft"]
    path: str


Check = UnitCheck | FileCheck


class Port(TypedDict):
    """A port, and the only unit that may hold it."""

    port: int
    unit: str


class Unit(TypedDict):
    """A unit to act on."""

    name: str
    action: str
    enable: bool


class NotedFile(TypedDict):
    """A file that labctl wrote; a secret has no sum."""

    sha256: str
    original: str | None


class NotedUser(TypedDict):
    """A user that labctl manages."""

    created: bool
    keys: list[str]
    gave_sudo: bool


class NotedUnit(TypedDict):
    """What a unit was last started with."""

    inputs: dict[str, str]


class Applied(TypedDict):
    """What an apply proves."""

    gates: list[Gate]
    model: Model | None
    names: list[str]
    https: Https | None


class Notes(TypedDict):
    """What labctl notes about its own work."""

    format: int
    lab: str
    files: dict[str, NotedFile]
    users: dict[str, NotedUser]
    packages: list[str]
    downloads: dict[str, str]
    environments: dict[str, str]
    units: dict[str, NotedUnit]
    swap: str | None


class Manifest(Notes):
    """The same with what the apply is to prove."""

    applied: Applied | None


class ApplyRequest(TypedDict):
    """Everything that one apply does."""

    nonce: str
    run: str
    grow_root: bool
    room: int
    swap: Swap | None
    packages: list[str]
    apt_mirror: str | None
    downloads: list[Download]
    users: list[User]
    installer: str
    environments: list[Environment]
    trees: list[Tree]
    model: Model | None
    remove_links: list[str]
    secrets: list[Secret]
    directories: list[Directory]
    files: list[File]
    remove: list[Remove]
    checks: list[Check]
    ports: list[Port]
    certificate: bool
    units: list[Unit]
    gates: list[Gate]
    manifest: Manifest


# Answers of the probe


class Os(TypedDict):
    """An operating system (os-release(5))."""

    id: str
    version: str
    name: str


class Disk(TypedDict):
    """The root file system."""

    total_bytes: int
    free_bytes: int
    free_inodes: int


class RootDisk(TypedDict):
    """The disk below the root file system."""

    partition: str
    device_bytes: int
    limit_bytes: int
    partition_start_bytes: int
    partition_end_bytes: int
    filesystem: str
    filesystem_bytes: int


class _Dpkg(TypedDict):
    state: Literal["ok", "locked", "interrupted", "broken"]


class Dpkg(_Dpkg, total=False):
    """The state of the package database."""

    holder: str


class _LiveFile(TypedDict):
    kind: Literal["file", "link", "directory", "other"]
    mode: str
    owner: str
    group: str


class LiveFile(_LiveFile, total=False):
    """What lies at a path."""

    sha256: str | None
    content: str | None


class LiveUser(TypedDict):
    """A user of the server."""

    uid: int
    groups: list[str]
    expired: bool
    has_password: bool
    authorized_keys: list[str]
    key_modes_ok: bool


class LiveUnit(TypedDict):
    """A systemd unit."""

    load: str
    active: str
    enabled: str


class _Listener(TypedDict):
    process: str


class Listener(_Listener, total=False):
    """Who listens on a port."""

    unit: str


class LiveCertificate(TypedDict):
    """The certificate that NGINX is given."""

    names: list[str]
    not_after: int
    self_signed: bool


class NotedModel(TypedDict, total=False):
    """The model that was looked for last, as it is noted on the server."""

    source: str
    state: str
    why: str


class LiveModel(TypedDict):
    """The model that was looked for last."""

    source: str
    state: str
    why: str


class Running(TypedDict):
    """An apply that is under way."""

    run: str


class Unfinished(TypedDict):
    """An apply without a verdict."""

    run: str
    phase: str


class _FactsOfMachine(TypedDict):
    architecture: str
    python: str
    container: bool
    clock: float
    packages: dict[str, str]


class FactsOfMachine(_FactsOfMachine, total=False):
    """What does not depend on labctl."""

    os: Os | None
    memory_bytes: int | None
    swap_bytes: int | None
    disk: Disk | None
    root_disk: RootDisk | None
    cloud_init: Literal["absent", "done", "error", "running"] | None
    dpkg: Dpkg | None


class _FactsOfLab(TypedDict):
    files: dict[str, LiveFile]
    links: dict[str, str]
    users: dict[str, LiveUser]
    units: dict[str, LiveUnit]
    ports: dict[str, Listener]


class FactsOfLab(_FactsOfLab, total=False):
    """What was asked for, and what labctl noted."""

    nginx_live: str | None
    certificate: LiveCertificate | None
    model: LiveModel | None
    running: Running | None
    unfinished: Unfinished | None


class _Facts(FactsOfMachine, FactsOfLab):
    format: int


class Facts(_Facts, total=False):
    """What there is on a server."""

    manifest: Notes | None


# Answers about an apply


class Warning(TypedDict):
    """Something that the user should know though nothing failed."""

    text: str
    help: str


class _Verdict(TypedDict):
    type: Literal["verdict"]
    ok: bool
    run: str
    seconds: float


class Verdict(_Verdict, total=False):
    """How an apply ended."""

    warnings: list[Warning]
    waiting_for_model: str | None
    step: str
    what: str
    help: str | None
    log: list[str]
    rolled_back: bool
    proved: bool
    cut_off: bool


class Step(TypedDict):
    """A step begins."""

    type: Literal["step"]
    step: str
    title: str


class StepDone(TypedDict):
    """A step has ended."""

    type: Literal["done"]
    step: str
    seconds: float


class Line(TypedDict):
    """A line that a tool printed."""

    type: Literal["line"]
    text: str


class Warned(TypedDict):
    """Something that the user should know, at the moment when it is known."""

    type: Literal["warning"]
    text: str
    help: str


class GateTried(TypedDict):
    """A gate of an apply was tried."""

    type: Literal["gate"]
    gate: str
    ok: bool
    detail: str


class Refused(TypedDict):
    """Another apply is under way."""

    type: Literal["refused"]
    running: str


class Beat(TypedDict):
    """Nothing; it shows that the connection lives."""

    type: Literal["beat"]


Event = Step | StepDone | Line | Warned | GateTried | Refused | Beat | Verdict


# Answers of the doctor


class _Tried(TypedDict):
    ok: bool | None


class Tried(_Tried, total=False):
    """What trying a gate showed; whether it is for good stays on the server."""

    detail: str
    final: bool


class _GateSeen(TypedDict):
    type: Literal["gate"]
    gate: str
    unit: str | None
    ok: bool | None


class GateSeen(_GateSeen, total=False):
    """A gate was tried; `ok` is None for one that was left out."""

    detail: str


class Awaited(TypedDict, total=False):
    """A model that a unit waits for."""

    unit: str
    source: str
    state: str
    why: str


class _Condition(TypedDict):
    type: Literal["machine"]
    memory_bytes: int
    memory_free_bytes: int
    swap_free_bytes: int
    failed_units: list[str]
    clock: float
    wants_restart: bool


class Condition(_Condition, total=False):
    """How the machine is."""

    disk_bytes: int | None
    disk_free_bytes: int | None
    free_inodes: int | None
    is_synchronized: bool | None
    awaits: Awaited | None
    applying: str | None


class _LastApply(TypedDict):
    type: Literal["applied"]
    state: Literal["recorded", "unrecorded", "none"]
    left_out: int


class LastApply(_LastApply, total=False):
    """What is known of the last apply that succeeded; its names and certificate are told as they were noted."""

    names: list[str]
    https: Https


class Broken(TypedDict):
    """The gates could not be tried."""

    type: Literal["broken"]
    reason: str


class Done(TypedDict):
    """All was looked at."""

    type: Literal["done"]


Seen = Condition | LastApply | GateSeen | Broken | Done


class ToldFacts(TypedDict):
    """The facts, among all else that the doctor sees."""

    facts: Facts


class PasswordAnswer(TypedDict):
    """Why a password was not set, if it was not."""

    error: str | None
