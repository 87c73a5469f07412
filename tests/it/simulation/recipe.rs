//! Plans made of chance: what a plan says, its text, and how somebody edits it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::chance::Chance;

/// The lab's name, in all plans.
pub const LAB: &str = "sim";

/// Instance types that run on any of the images; the first ones are common.
pub const TYPES: [&str; 6] = [
    "t3.micro",
    "t3.small",
    "t2.micro",
    "t3.medium",
    "m7i.large",
    "m5.large",
];
const IMAGES: [&str; 3] = ["ubuntu-24.04", "ubuntu-22.04", "ubuntu-26.04"];
const SOURCES: [&str; 5] = [
    "my-ip",
    "anywhere",
    "192.0.2.0/24",
    "198.51.100.7/32",
    "2001:db8::/32",
];
const PORTS: [u16; 5] = [22, 80, 443, 8080, 5432];
const ACCESS: [&str; 3] = ["none", "read", "read-write"];
const TAGS: [&str; 3] = ["project", "team", "cost"];
const WORDS: [&str; 3] = ["birds", "whales", "a b=c"];
const ZONES: [&str; 2] = ["penguins.shop", "penguins.example"];
pub const BUCKETS: [&str; 2] = ["sim-data", "sim-fish"];
const NAMES: [&str; 6] = ["@", "*", "www", "mail", "*.lab", "a.b"];
const KINDS: [&str; 5] = ["A", "AAAA", "CNAME", "TXT", "MX"];

/// Where the server is.
#[derive(Clone, PartialEq, Eq)]
pub enum Network {
    Default,
    Dedicated,
    /// A network and a subnet that others made.
    Given(String, String),
}

/// A bucket section.
#[derive(Clone)]
pub struct Bucket {
    pub name: &'static str,
    pub versioning: bool,
    pub access: &'static str,
}

/// A dns section; each record by name and type, with its value and time to live.
#[derive(Clone)]
pub struct Dns {
    pub zone: &'static str,
    pub records: BTreeMap<(&'static str, &'static str), (usize, u32)>,
}

/// What a plan says.
#[derive(Clone)]
pub struct Recipe {
    pub region: &'static str,
    pub tags: BTreeMap<&'static str, &'static str>,
    pub protect: bool,
    pub network: Network,
    pub image: &'static str,
    pub instance_type: &'static str,
    pub size: u32,
    pub disk: &'static str,
    pub elastic_ip: bool,
    pub rules: BTreeMap<u16, Vec<&'static str>>,
    pub described: bool,
    pub bucket: Option<Bucket>,
    pub dns: Option<Dns>,
    /// Branch and access of the workflows.
    pub github: Option<(&'static str, &'static str)>,
    /// Whether it is the other of the two keys.
    pub other_key: bool,
    /// The last number of the laptop's address.
    pub laptop: u8,
}

impl Recipe {
    /// Makes up a plan; `given` is a network that others have.
    pub fn make(chance: &Chance, region: &'static str, given: Option<&(String, String)>) -> Self {
        let network = match given {
            Some((vpc, subnet)) if chance.percent(50) => {
                Network::Given(vpc.clone(), subnet.clone())
            }
            _ if chance.percent(28) => Network::Dedicated,
            _ => Network::Default,
        };
        let mut recipe = Self {
            region,
            tags: BTreeMap::new(),
            protect: chance.percent(10),
            network,
            image: IMAGES[0],
            instance_type: chance.pick(&TYPES[..3]),
            size: 8 + chance.below(3) * 10,
            disk: if chance.percent(20) { "gp2" } else { "gp3" },
            elastic_ip: chance.percent(70),
            rules: BTreeMap::new(),
            described: chance.percent(50),
            bucket: chance.percent(55).then(|| bucket(chance)),
            dns: None,
            github: None,
            other_key: false,
            laptop: 9,
        };
        for _ in 0..chance.below(4) {
            recipe.edit_rules(chance);
        }
        for _ in 0..chance.below(3) {
            recipe.tags.insert(chance.pick(&TAGS), chance.pick(&WORDS));
        }
        if chance.percent(50) {
            recipe.dns = Some(dns(chance));
        }
        if chance.percent(30) {
            recipe.github = Some((chance.pick(&["main", "dev"]), chance.pick(&ACCESS[1..])));
        }
        recipe.mended()
    }

    /// Brings together what a plan's checks want together.
    fn mended(mut self) -> Self {
        if self.bucket.is_none() {
            self.github = None;
        }
        self
    }

    /// Edits one thing or several, and says what.
    pub fn edit(&mut self, chance: &Chance, given: Option<&(String, String)>) -> String {
        let mut said = String::new();
        for _ in 0..=chance.below(3) {
            let what = self.edit_once(chance, given);
            let _ = write!(said, " {what}");
        }
        *self = self.clone().mended();
        said
    }

    fn edit_once(&mut self, chance: &Chance, given: Option<&(String, String)>) -> &'static str {
        match chance.below(100) {
            0..22 => {
                self.instance_type = chance.pick(&TYPES);
                "type"
            }
            22..30 => {
                self.size += 1 + chance.below(20);
                "size"
            }
            30..32 => {
                self.size = 8;
                "shrink"
            }
            32..34 => {
                self.image = chance.pick(&IMAGES);
                "image"
            }
            34..37 => {
                self.network = match (given, chance.below(3)) {
                    (Some((vpc, subnet)), 0) => Network::Given(vpc.clone(), subnet.clone()),
                    (_, 1) => Network::Default,
                    _ => Network::Dedicated,
                };
                "network"
            }
            37..40 => {
                self.disk = if self.disk == "gp3" { "gp2" } else { "gp3" };
                "disk"
            }
            40..47 => {
                self.elastic_ip = !self.elastic_ip;
                "address"
            }
            47..57 => {
                self.edit_rules(chance);
                "rules"
            }
            57..70 => self.edit_bucket(chance),
            70..86 => self.edit_dns(chance),
            86..91 => {
                self.github = match self.github {
                    Some(_) if chance.percent(60) => None,
                    _ => Some((chance.pick(&["main", "dev"]), chance.pick(&ACCESS[1..]))),
                };
                "github"
            }
            91..94 => {
                let key = chance.pick(&TAGS);
                if self.tags.remove(key).is_none() {
                    self.tags.insert(key, chance.pick(&WORDS));
                }
                "tags"
            }
            94..96 => {
                self.protect = !self.protect;
                "protect"
            }
            96..99 => {
                self.other_key = !self.other_key;
                "key"
            }
            _ => {
                self.laptop = 10 + u8::try_from(chance.below(9)).unwrap();
                "laptop"
            }
        }
    }

    fn edit_rules(&mut self, chance: &Chance) {
        let port = chance.pick(&PORTS);
        if self.rules.contains_key(&port) && chance.percent(50) {
            self.rules.remove(&port);
            return;
        }
        let first = chance.below(5) as usize;
        let mut sources = vec![SOURCES[first]];
        if chance.percent(30) {
            sources.push(SOURCES[(first + 2) % 5]);
        }
        self.rules.insert(port, sources);
        self.described ^= chance.percent(20);
    }

    fn edit_bucket(&mut self, chance: &Chance) -> &'static str {
        match &mut self.bucket {
            None => self.bucket = Some(bucket(chance)),
            Some(_) if chance.percent(30) => self.bucket = None,
            Some(bucket) => match chance.below(3) {
                0 => bucket.name = chance.pick(&BUCKETS),
                1 => bucket.versioning = !bucket.versioning,
                _ => bucket.access = chance.pick(&ACCESS),
            },
        }
        "bucket"
    }

    fn edit_dns(&mut self, chance: &Chance) -> &'static str {
        match &mut self.dns {
            None => self.dns = Some(dns(chance)),
            Some(_) if chance.percent(20) => self.dns = None,
            Some(dns) if chance.percent(15) => dns.zone = chance.pick(&ZONES),
            Some(dns) => {
                for _ in 0..=chance.below(3) {
                    edit_records(dns, chance);
                }
            }
        }
        "dns"
    }

    /// The plan file.
    pub fn text(&self) -> String {
        let mut text = format!("lab: {LAB}\nregion: {}\n", self.region);
        let mut line = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        if !self.tags.is_empty() {
            let tags: Vec<String> = self
                .tags
                .iter()
                .map(|(key, value)| format!("{key}: \"{value}\""))
                .collect();
            line(format!("tags: {{ {} }}", tags.join(", ")));
        }
        line(format!("protect: {}", self.protect));
        line(match &self.network {
            Network::Default => "network: default".to_owned(),
            Network::Dedicated => "network: dedicated".to_owned(),
            Network::Given(vpc, subnet) => {
                format!("network: {{ vpc: {vpc}, subnet: {subnet} }}")
            }
        });
        line(format!(
            "instance: {{ image: {}, instance_type: {}, key_pair: key.pub, root_volume: {{ size: {} GiB, type: {} }} }}",
            self.image, self.instance_type, self.size, self.disk
        ));
        line(format!("elastic_ip: {}", self.elastic_ip));
        if !self.rules.is_empty() {
            line("security_group:\n  ingress:".to_owned());
            for (port, sources) in &self.rules {
                let description = if self.described {
                    ", description: by chance"
                } else {
                    ""
                };
                line(format!(
                    "    - {{ port: {port}, from: [\"{}\"]{description} }}",
                    sources.join("\", \"")
                ));
            }
        }
        if let Some(Bucket {
            name,
            versioning,
            access,
        }) = &self.bucket
        {
            line(format!(
                "bucket: {{ name: {name}, versioning: {versioning}, instance_access: {access} }}"
            ));
        }
        if let Some(dns) = &self.dns {
            line(format!("dns:\n  zone: {}\n  records:", dns.zone));
            for ((name, kind), (value, ttl)) in &dns.records {
                let value = record_value(kind, *value, self.elastic_ip);
                line(format!(
                    "    - {{ name: \"{name}\", type: {kind}, value: {value}, ttl: {ttl} }}"
                ));
            }
        }
        if let Some((branch, access)) = self.github {
            line(format!(
                "github_actions: {{ repository: me/penguins, branch: {branch}, access: {access} }}"
            ));
        }
        text
    }
}

fn bucket(chance: &Chance) -> Bucket {
    Bucket {
        name: chance.pick(&BUCKETS),
        versioning: chance.percent(50),
        access: chance.pick(&ACCESS),
    }
}

fn dns(chance: &Chance) -> Dns {
    let zone = chance.pick(&ZONES);
    let records = BTreeMap::from([(("@", "A"), (0, 300))]);
    let mut dns = Dns { zone, records };
    for _ in 0..chance.below(5) {
        edit_records(&mut dns, chance);
    }
    dns
}

/// Adds, changes or removes a record; a CNAME stands alone at its name.
fn edit_records(dns: &mut Dns, chance: &Chance) {
    let (name, kind) = (chance.pick(&NAMES), chance.pick(&KINDS));
    if (name, kind) == ("@", "CNAME") {
        return;
    }
    if dns.records.len() > 1 && chance.percent(25) {
        let at = chance.below(u32::try_from(dns.records.len()).unwrap()) as usize;
        let key = *dns.records.keys().nth(at).unwrap();
        dns.records.remove(&key);
        return;
    }
    dns.records
        .retain(|(other, its), _| *other != name || (kind != "CNAME" && *its != "CNAME"));
    let value = chance.below(3) as usize;
    dns.records
        .insert((name, kind), (value, chance.pick(&[60, 300])));
}

fn record_value(kind: &str, value: usize, has_address: bool) -> &'static str {
    match kind {
        "A" if value == 0 && has_address => "elastic-ip",
        "A" => ["192.0.2.7", "192.0.2.8", "[192.0.2.7, 192.0.2.9]"][value],
        "AAAA" => ["\"2001:db8::1\"", "\"2001:db8::2\"", "\"2001:db8::3\""][value],
        "CNAME" => ["\"@\"", "example.org", "example.net"][value],
        "TXT" => ["\"v=one\"", "\"two words\"", "three"][value],
        _ => [
            "10 mail.example.org",
            "20 mail.example.org",
            "[10 mail.example.org, 20 mx.example.net]",
        ][value],
    }
}
