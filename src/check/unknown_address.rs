//! `unknown-address`: a text that names a bucket, a Service, a database, a topic or a host which the platform does not have.
//!
//! lakegen wires what it is told of, and a name in an argument or a file is only found to be wrong when the program runs.
//! A bucket that is none of the platform's is reported; of all else much may lie outside, so a finding needs a name that is
//! nearly one of the platform's, or a namespace in which everything can be seen.

use std::collections::{BTreeMap, BTreeSet};

use super::addresses::{Address, addresses};
use super::unknown_value::{Where, find};
use super::{Context, Findings, Made, walk};
use crate::code;
use crate::diag::{Diagnostic, Span, near, quoted_list};
use crate::lower::charts::Sight;
use crate::manifest::kinds;
use crate::manifest::value::Value;
use crate::parse::{Kind, Node};
use crate::resolve::{Route, Target};

code!(
    UNKNOWN_ADDRESS,
    "unknown-address",
    "a text refers to a bucket, database, topic or host that the platform does not have",
    "references in plain text are not wired, so a mistake would only show at run time",
    "[jobs.daily]\nargs = [\"--out\", \"s3a://row/daily\"]        # the bucket is `raw`",
    "[jobs.daily]\nargs = [\"--out\", \"s3a://${buckets.raw.bucket}/daily\"]"
);

/// Namespaces that every cluster has (kubernetes.io/docs/concepts/overview/working-with-objects/namespaces).
const OF_KUBERNETES: &[&str] = &["default", "kube-system", "kube-public", "kube-node-lease"];

/// Databases that every server has.
const OF_SERVERS: &[&str] = &["postgres", "template0", "template1", "mysql", "information_schema"];

/// Checks every text of the user's: of components and jobs, of their values files and of manifests.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let known: Vec<Known<'_>> = (0..context.platform.targets.len()).map(|index| Known::of(context, index)).collect();
    for made in context.made() {
        let known = &known[made.index];
        texts(context, &made, &mut |key, text, span| {
            let mut said = BTreeSet::new();
            for diagnostic in known.judge(&made, key, text) {
                if said.insert(diagnostic.message.clone()) {
                    findings.component(made.index, made.name, diagnostic.at(span, ""));
                }
            }
        });
    }
}

/// Calls `see` with the key, the text and the place of each text that the user wrote for a component.
fn texts(context: &Context<'_>, made: &Made<'_>, see: &mut dyn FnMut(&str, &str, Span)) {
    if let Some(instance) = made.instance {
        for node in instance.written() {
            walk::strings(node, "", "", &mut |key, _, text, span| see(key, text, span));
        }
        if let Some(values) = &made.unit.values
            && !instance.said.values_files.is_empty()
        {
            walk::paths(values, &mut Vec::new(), "", "", &mut |path, key, _, value| {
                let Value::Str(text) = value else { return };
                // What platform.toml says was seen above.
                if let ((at, place), Where::User) = find(context.sources, instance, path)
                    && at == place
                {
                    see(key, text, at);
                }
            });
        }
    }
    for lowered in made.objects() {
        let Some(start) = walk::file_of(context, lowered) else { continue };
        let mut places = walk::Places::default();
        walk::scalars(lowered.object.value(), "", "", &mut |key, _, value| {
            if let Value::Str(text) = value {
                see(key, text, places.next(context, start, text).unwrap_or(start));
            }
        });
    }
}

/// What is known of a namespace.
#[derive(Default)]
struct Services<'a> {
    names: BTreeSet<&'a str>,
    /// Whether a chart or an operator may make Services that cannot be seen.
    unseen: bool,
}

/// What the texts of a target may name.
struct Known<'a> {
    target: &'a Target,
    /// Real name of a bucket → its key.
    buckets: BTreeMap<&'a str, &'a str>,
    namespaces: BTreeMap<&'a str, Services<'a>>,
    hosts: BTreeSet<&'a str>,
    topics: BTreeSet<String>,
}

impl<'a> Known<'a> {
    fn of(context: &Context<'a>, index: usize) -> Self {
        let target = &context.platform.targets[index];
        let all = context.platform.targets.iter().zip(&context.manifests.targets);
        let mut known = Self {
            target,
            buckets: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            hosts: BTreeSet::new(),
            topics: BTreeSet::new(),
        };
        for (other, made) in all {
            // A job may copy from one environment to another.
            known.buckets.extend(other.buckets.values().map(|b| (b.bucket.as_str(), b.name.as_str())));
            known.hosts.extend(other.instances.values().flat_map(|i| i.routes().flat_map(Route::hosts)));
            if other.cluster != target.cluster {
                continue;
            }
            for namespace in other.settings.namespaces.keys() {
                known.namespaces.entry(namespace).or_default();
            }
            for (namespace, settings) in &other.settings.namespaces {
                known.namespaces.entry(namespace).or_default().unseen |= settings.existing;
            }
            for instance in other.instances.values() {
                let entry = known.namespaces.entry(&instance.namespace).or_default();
                entry.names.extend([instance.name.as_str(), &instance.release, &instance.fullname]);
                entry.unseen |= instance.definition.source.is_some();
                known.topics.extend(topics(other, &instance.name, instance));
            }
            for inflation in &made.charts {
                let Some(instance) = other.instances.get(&inflation.component) else { continue };
                let entry = known.namespaces.entry(&instance.namespace).or_default();
                match &inflation.sight {
                    Sight::Inflated(inflated) => {
                        let services = inflated.items().filter(|item| item.kind() == "Service");
                        entry.names.extend(
                            services.filter_map(|item| item.document.value.at(&["metadata", "name"])?.as_str()),
                        );
                    }
                    _ => entry.unseen = true,
                }
            }
            for lowered in made.components.values().flat_map(|unit| unit.stages.values().flatten()) {
                let object = &lowered.object;
                if object.namespace().is_empty() {
                    continue;
                }
                let entry = known.namespaces.entry(object.namespace()).or_default();
                if object.kind() == "Service" {
                    entry.names.insert(object.name());
                }
                entry.unseen |= !kinds::is_builtin(object.api_version())
                    && !super::broken_secret_reference::QUIET.contains(&object.kind());
            }
        }
        known
    }

    /// Says what is wrong with the addresses of a text.
    fn judge(&self, made: &Made<'_>, key: &str, text: &str) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> = addresses(text).into_iter().filter_map(|a| self.address(made, &a)).collect();
        if key.to_ascii_lowercase().trim_end_matches('s').ends_with("topic") {
            found.extend(text.split(',').filter_map(|topic| self.topic(topic.trim())));
        }
        found
    }

    fn address(&self, made: &Made<'_>, address: &Address<'_>) -> Option<Diagnostic> {
        match *address {
            Address::Bucket { scheme, name } => self.bucket(scheme, name),
            Address::Service { name, namespace, certain } => self.service(name, namespace, certain),
            Address::Neighbour { name } => self.neighbour(made, name),
            Address::Host { name } => self.host(name),
            Address::Database { host, name } => self.database(made, host, name),
        }
    }

    fn bucket(&self, scheme: &str, name: &str) -> Option<Diagnostic> {
        if self.buckets.is_empty() || self.buckets.contains_key(name) || name.starts_with("example") {
            return None;
        }
        let message = format!("`{scheme}://{name}` refers to a bucket that the platform does not have");
        let diagnostic = Diagnostic::warning(&UNKNOWN_ADDRESS, message);
        if let Some((real, key)) = self.buckets.iter().find(|(_, key)| **key == name) {
            let help = format!("write `{scheme}://${{buckets.{key}.bucket}}`");
            return Some(diagnostic.note(format!("the real name of bucket `{key}` is `{real}`")).help(help));
        }
        let names = self.buckets.iter().flat_map(|(real, key)| [*real, *key]);
        let help = match near(name, names).first().map(|near| self.buckets.get(near).copied().unwrap_or(near)) {
            Some(key) => format!("did you mean `{scheme}://${{buckets.{key}.bucket}}`?"),
            None => format!(
                "declare it: `[buckets.{name}]` with `bucket = \"{name}\"`, and `external = \"s3\"` if it is outside \
                the platform"
            ),
        };
        Some(diagnostic.help(help))
    }

    fn service(&self, name: &str, namespace: &str, certain: bool) -> Option<Diagnostic> {
        let full = format!("{name}.{namespace}");
        let Some(known) = self.namespaces.get(namespace) else {
            if !certain || OF_KUBERNETES.contains(&namespace) {
                return None;
            }
            let message = format!("`{full}.svc` is in namespace `{namespace}`, which the platform does not have");
            let diagnostic = Diagnostic::warning(&UNKNOWN_ADDRESS, message);
            return Some(match near(namespace, self.namespaces.keys().copied()) {
                near if near.is_empty() => diagnostic
                    .help(format!("if it already exists, add `[namespaces.{namespace}]` with `existing = true`")),
                near => diagnostic.help(format!("did you mean {}?", quoted_list(near, "or"))),
            });
        };
        if is_of(name, &known.names) {
            return None;
        }
        let near = near(name, known.names.iter().copied());
        if near.is_empty() && (known.unseen || known.names.is_empty()) {
            return None;
        }
        let message = format!("`{full}` refers to a Service that namespace `{namespace}` does not have");
        let diagnostic = Diagnostic::warning(&UNKNOWN_ADDRESS, message);
        Some(match near.is_empty() {
            true => diagnostic.note(format!("available: {}", quoted_list(known.names.iter().copied().take(6), "and"))),
            false => diagnostic.help(format!("did you mean {}?", quoted_list(near, "or"))),
        })
    }

    /// A Service of the component's own namespace, when the name is nearly one.
    fn neighbour(&self, made: &Made<'_>, name: &str) -> Option<Diagnostic> {
        let namespace = &made.instance?.namespace;
        let known = self.namespaces.get(namespace.as_str())?;
        if name.len() < 5 || is_of(name, &known.names) {
            return None;
        }
        let meant = near(name, known.names.iter().copied().filter(|known| known.len() >= 5));
        let first = meant.first()?;
        // Two letters of a short word make another word.
        if strsim::damerau_levenshtein(name, first) > 1 + name.len() / 12 {
            return None;
        }
        let message = format!("`{name}` refers to a Service that namespace `{namespace}` does not have");
        Some(Diagnostic::warning(&UNKNOWN_ADDRESS, message).help(format!("did you mean {}?", quoted_list(meant, "or"))))
    }

    /// A published host below the platform's domain, when the name is nearly one.
    fn host(&self, name: &str) -> Option<Diagnostic> {
        let domain = &self.target.ground().domain;
        let first = name.strip_suffix(domain.as_str())?.strip_suffix('.')?;
        if self.hosts.contains(name) {
            return None;
        }
        let below = |host: &&'a str| -> Option<&'a str> { host.strip_suffix(domain.as_str())?.strip_suffix('.') };
        let firsts: Vec<&str> = self.hosts.iter().filter_map(below).filter(|host| host.len() >= 4).collect();
        let meant = *near(first, firsts.iter().copied()).first()?;
        if strsim::damerau_levenshtein(first, meant) > 1 + first.len() / 12 {
            return None;
        }
        let message = format!("`{name}` is a host that nothing publishes");
        Some(Diagnostic::warning(&UNKNOWN_ADDRESS, message).help(format!("did you mean `{meant}.{domain}`?")))
    }

    fn database(&self, made: &Made<'_>, host: &str, name: &str) -> Option<Diagnostic> {
        let mut labels = host.split('.');
        let service = labels.next()?;
        let namespace = match labels.next() {
            Some(namespace) => namespace,
            None => made.instance?.namespace.as_str(),
        };
        let server = self.target.instances.values().find(|i| {
            i.namespace == namespace
                && [&i.name, &i.fullname].iter().any(|n| service == n.as_str() || service.starts_with(&format!("{n}-")))
        })?;
        let claims = self.target.claims.get(&server.name)?;
        let databases: BTreeSet<&str> =
            claims.values().flatten().filter_map(|claim| claim.fields.get("database")).map(String::as_str).collect();
        if databases.is_empty() || databases.contains(name) || OF_SERVERS.contains(&name) {
            return None;
        }
        let message = format!("`{}` has no database `{name}`", server.name);
        let diagnostic = Diagnostic::warning(&UNKNOWN_ADDRESS, message);
        Some(match near(name, databases.iter().copied()) {
            near if near.is_empty() => {
                diagnostic.note(format!("its databases are {}", quoted_list(databases.into_iter().take(8), "and")))
            }
            near => diagnostic.help(format!("did you mean {}?", quoted_list(near, "or"))),
        })
    }

    /// A topic, when the name is nearly one.
    fn topic(&self, name: &str) -> Option<Diagnostic> {
        if name.len() < 4 || self.topics.contains(name) {
            return None;
        }
        let meant = near(name, self.topics.iter().map(String::as_str));
        let first = meant.first()?;
        if strsim::damerau_levenshtein(name, first) > 1 + name.len() / 12 {
            return None;
        }
        let message = format!("`{name}` is a topic that the platform does not have");
        Some(Diagnostic::warning(&UNKNOWN_ADDRESS, message).help(format!("did you mean {}?", quoted_list(meant, "or"))))
    }
}

/// Returns the topics that a component makes, and those that others claim of it.
fn topics<'a>(target: &'a Target, name: &str, instance: &'a crate::resolve::Instance) -> Vec<String> {
    let claims = target.claims.get(name).into_iter().flat_map(|claims| claims.values().flatten());
    let claimed = claims.filter_map(|claim| claim.fields.get("topics")).flat_map(|topics| topics.split(','));
    let mut all: Vec<String> = claimed.map(str::to_owned).collect();
    if !all.is_empty()
        && let Some(Kind::Table(own)) = instance.option("topics").map(|node: &Node| &node.kind)
    {
        all.extend(own.keys().map(ToString::to_string));
    }
    all
}

/// Says whether a name is one of those, or made of one: `lake-rw` of `lake`, and the other way round.
fn is_of(name: &str, known: &BTreeSet<&str>) -> bool {
    let begins =
        |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    known.iter().any(|known| begins(name, known) || begins(known, name))
}
