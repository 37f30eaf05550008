//! Names of Flux's own objects.

use super::Target;

/// Namespace of Flux's controllers and of all their objects.
pub const NAMESPACE: &str = "flux-system";

/// Returns the name of one of Flux's objects: it says the target where several share a cluster, and is no longer than a
/// label's value may be, because Flux writes it into labels.
pub fn name(target: &Target, base: &str) -> String {
    let full = if target.shared.is_some() { format!("{}-{base}", target.name) } else { base.to_string() };
    shortened(full)
}

/// Returns the name of a target's root: its Kustomization and the source of the platform's repository.
pub fn root(target: &Target) -> String {
    shortened(format!("{}-{}", target.ground().name, target.name))
}

/// Most characters of a label's value (kubernetes.io/docs/concepts/overview/working-with-objects/labels).
const LONGEST: usize = 63;

fn shortened(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    let digest = crate::parse::string::digest(name.as_bytes());
    let cut: String = name.chars().take(LONGEST - 9).collect();
    format!("{}-{}", cut.trim_end_matches('-'), &digest[..8])
}

/// Secrets that Flux reads, by what they are for.
pub mod secret {
    use super::{Target, name, root};

    /// Credentials of the platform's own repository.
    pub fn git(target: &Target) -> String {
        format!("{}-git", root(target))
    }

    /// Credentials of an entry of `[repositories]`.
    pub fn repository(target: &Target, entry: &str) -> String {
        name(target, &format!("repository-{entry}"))
    }

    /// Address or token of an entry of `[notify]`.
    pub fn notify(target: &Target, entry: &str) -> String {
        name(target, &format!("notify-{entry}"))
    }

    /// Token of the webhook.
    pub fn webhook(target: &Target) -> String {
        name(target, "webhook-token")
    }

    /// Values that are replaced in the cluster.
    pub fn substitutes(target: &Target) -> String {
        name(target, "substitutes")
    }
}

/// Says whether an address is one of SSH, as in `ssh://git@host/x` or `git@host:x`.
pub fn is_ssh(url: &str) -> bool {
    url.starts_with("ssh://") || !url.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_stay_apart() {
        let (a, b) = (shortened("a".repeat(70) + "x"), shortened("a".repeat(70) + "y"));
        assert!(a != b && a.len() <= LONGEST && crate::parse::text::name(&a), "{a}");
        assert_eq!(shortened("trino".into()), "trino");
    }
}
