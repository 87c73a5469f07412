//! Why AWS denies a call, where its message says so: the kind of policy that stands against it.

/// Who denies, and what helps against it.
#[derive(Debug)]
pub struct Cause {
    /// What AWS calls the policy in its messages (IAM User Guide, "Troubleshoot access denied error messages").
    name: &'static str,
    /// What denies, with `{action}` for what it denies.
    denied: &'static str,
    /// What does not allow, with `{action}` for what it does not.
    missing: &'static str,
    /// What to do.
    pub help: &'static str,
}

const ORGANISATION: &str = "whoever runs the AWS organisation can change it, and no policy of this account can; ask there, or write another `region` or `instance_type` if it is about these";

static CAUSES: &[Cause] = &[
    Cause {
        name: "service control policy",
        denied: "a service control policy of the AWS organisation denies `{action}`",
        missing: "no service control policy of the AWS organisation allows `{action}`",
        help: ORGANISATION,
    },
    Cause {
        name: "resource control policy",
        denied: "a resource control policy of the AWS organisation denies `{action}`",
        missing: "no resource control policy of the AWS organisation allows `{action}`",
        help: ORGANISATION,
    },
    Cause {
        name: "permissions boundary",
        denied: "the permissions boundary of this user or role denies `{action}`",
        missing: "the permissions boundary of this user or role does not allow `{action}`",
        help: "have it changed in the boundary: what a policy allows counts only within it",
    },
    Cause {
        name: "session policy",
        denied: "the session policy of these credentials denies `{action}`",
        missing: "the session policy of these credentials does not allow `{action}`",
        help: "take credentials on without that session policy, or have it changed where they are made",
    },
    Cause {
        name: "VPC endpoint policy",
        denied: "the policy of the VPC endpoint on the way to AWS denies `{action}`",
        missing: "the policy of the VPC endpoint on the way to AWS does not allow `{action}`",
        help: "have it changed, or go to AWS another way",
    },
    Cause {
        name: "resource-based policy",
        denied: "the policy of the resource itself denies `{action}`",
        missing: "the policy of the resource itself does not allow `{action}`",
        help: "have it changed there (a bucket's policy, a role's trust); `-v` shows which resource",
    },
    Cause {
        name: "identity-based policy",
        denied: "a policy of this user or role denies `{action}` explicitly",
        missing: "these credentials lack the permission `{action}`",
        help: "have it changed in IAM: a denial counts more than all that is allowed elsewhere",
    },
];

/// The cause that a message names, in words; `None` where it names none, or that nothing allows it, which is the usual.
pub fn find(message: &str) -> Option<(&'static str, &'static str)> {
    let explicit = message
        .split_once("with an explicit deny in a")
        .map(|(_, rest)| rest.trim_start_matches('n').trim_start());
    if let Some(rest) = explicit {
        let cause = CAUSES.iter().find(|cause| rest.starts_with(cause.name))?;
        return Some((cause.denied, cause.help));
    }
    let (_, rest) = message.split_once("because no ")?;
    let is_it = |cause: &&Cause| {
        let is_usual = cause.name == "identity-based policy";
        !is_usual
            && rest
                .strip_prefix(cause.name)
                .is_some_and(|rest| rest.starts_with(" allows"))
    };
    let cause = CAUSES.iter().find(is_it)?;
    Some((cause.missing, cause.help))
}
