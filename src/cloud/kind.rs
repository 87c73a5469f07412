//! The kinds of resources, and the one list that names them.

/// Hands every kind to the macro `$callback`, those first that others refer to. A row has the
/// kind's module in `resources/`, which is its name in addresses, and its type there.
macro_rules! all_kinds {
    ($callback:ident) => {
        $callback! {
            /// An SSH public key, imported into EC2.
            key_pair: KeyPair,
            /// A network of the lab's own.
            vpc: Vpc,
            /// The way from that network to the world.
            internet_gateway: InternetGateway,
            /// The part of that network in which the server is.
            subnet: Subnet,
            /// The routes of that part.
            route_table: RouteTable,
            /// What may reach the server.
            security_group: SecurityGroup,
            /// The storage of the lab.
            bucket: Bucket,
            /// What the server may do in AWS.
            role: Role,
            /// The role as an instance can carry it.
            instance_profile: InstanceProfile,
            /// What the server's users may do with the bucket.
            users_role: UsersRole,
            /// The server.
            instance: Instance,
            /// The server's lasting public address.
            elastic_ip: ElasticIp,
            /// The hosted zone of the lab's domain.
            zone: Zone,
            /// A record set in that zone.
            record: Record,
            /// GitHub as an identity provider; one for the whole account.
            oidc_provider: OidcProvider,
            /// What GitHub Actions of the repository may do in AWS.
            github_role: GithubRole,
        }
    };
}

pub(super) use all_kinds;

macro_rules! define_kind {
    ($($(#[$doc:meta])* $module:ident: $Kind:ident,)*) => {
        /// The kinds of resources, those first that others refer to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $Kind,)*
        }

        impl Kind {
            /// All kinds, in the order in which they are created and shown.
            pub const ALL: &'static [Self] = &[$(Self::$Kind),*];

            /// The name that stands in addresses.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Kind => stringify!($module),)*
                }
            }
        }
    };
}

all_kinds!(define_kind);

impl Kind {
    /// Finds a kind by the name that stands in addresses.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Lists the names, for messages.
    pub fn names() -> String {
        let names: Vec<_> = Self::ALL
            .iter()
            .filter(|kind| **kind != Self::Record)
            .map(|kind| format!("`{}`", kind.name()))
            .collect();
        names.join(", ")
    }

    /// Whether somebody else's resource of this kind is used as it is.
    pub const fn can_be_shared(self) -> bool {
        matches!(self, Self::Zone | Self::OidcProvider)
    }
}
