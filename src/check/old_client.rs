//! `old-client`: `pg_dump` of an older PostgreSQL than the server that it dumps.
//!
//! Seen only where both versions are written: in the image of the container, and in that of CloudNativePG's Cluster.

use super::{Context, Findings, Made, at_key, walk};
use crate::code;
use crate::diag::Diagnostic;
use crate::lower::Lowered;
use crate::manifest::value::{Map, Value};
use crate::parse::text::split_image;

code!(
    OLD_CLIENT,
    "old-client",
    "`pg_dump` is older than its server",
    "pg_dump refuses to dump a server with a newer major version, so there would be no backup",
    "[components.postgres]\nimage = \"ghcr.io/cloudnative-pg/postgresql:18.1\"\n\n[components.postgres-backup]\nimage = \"postgres:16.4-alpine\"",
    "[components.postgres-backup]\nimage = \"postgres:18.1-alpine\""
);

/// Programs that refuse a newer server (postgresql.org/docs/18/app-pgdump.html, "Notes").
const PROGRAMS: &[&str] = &["pg_dump", "pg_dumpall"];

/// A server whose version is written.
struct Server<'a> {
    target: usize,
    name: &'a str,
    namespace: &'a str,
    major: u32,
}

/// Checks every container that dumps a server of the platform.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let servers: Vec<Server<'_>> =
        context.made().flat_map(|made| made.objects().filter_map(move |l| server(&made, l))).collect();
    if servers.is_empty() {
        return;
    }
    for made in context.made() {
        for lowered in made.objects() {
            let mut all = Vec::new();
            containers(lowered.object.map(), &mut all);
            for container in all {
                let Some((image, major)) = client(container) else { continue };
                let here = |s: &&Server<'_>| s.target == made.index && names(container, s, lowered.object.namespace());
                let Some(server) = servers.iter().find(here).filter(|server| server.major > major) else { continue };
                let (kind, name) = (lowered.object.kind(), lowered.object.name());
                let message = format!(
                    "{kind} `{name}` dumps `{}`, which runs PostgreSQL {}, with pg_dump {major}",
                    server.name, server.major
                );
                let diagnostic = Diagnostic::error(&OLD_CLIENT, message);
                let written = made.instance.and_then(|instance| walk::image_options(instance).get(image).copied());
                let diagnostic = match written {
                    Some(span) => diagnostic.at(span, ""),
                    None => at_key(context, diagnostic, lowered, "image"),
                };
                findings.object(
                    &made,
                    lowered,
                    diagnostic.help(format!("use an image with PostgreSQL {} or newer", server.major)),
                );
            }
        }
    }
}

fn server<'a>(made: &Made<'a>, lowered: &'a Lowered) -> Option<Server<'a>> {
    let object = &lowered.object;
    if object.group() != "postgresql.cnpg.io" || object.kind() != "Cluster" {
        return None;
    }
    let image = object.value().at(&["spec", "imageName"])?.as_str()?;
    Some(Server { target: made.index, name: object.name(), namespace: object.namespace(), major: major(image)? })
}

/// Returns the maps with an image and a command, wherever a workload keeps them.
fn containers<'a>(map: &'a Map, found: &mut Vec<&'a Map>) {
    if map.contains_key("image") && (map.contains_key("command") || map.contains_key("args")) {
        found.push(map);
    }
    for value in map.values() {
        match value {
            Value::Map(inner) => containers(inner, found),
            Value::List(list) => list.iter().filter_map(Value::as_map).for_each(|inner| containers(inner, found)),
            _ => {}
        }
    }
}

/// Returns the image of a container that dumps, with its major version.
fn client(container: &Map) -> Option<(&str, u32)> {
    let words = ["command", "args"].iter().filter_map(|key| container.get(*key)?.as_list()).flatten();
    let dumps = |text: &str| {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|word| PROGRAMS.contains(&word))
    };
    if !words.filter_map(Value::as_str).any(dumps) {
        return None;
    }
    let image = container.get("image")?.as_str()?;
    Some((image, major(image)?))
}

/// Returns the major version of an image of PostgreSQL.
fn major(image: &str) -> Option<u32> {
    let parts = split_image(image);
    let name = parts.repository.rsplit('/').next()?;
    if !name.starts_with("postgres") {
        return None;
    }
    let tag = parts.tag?;
    tag[..tag.find(|c: char| !c.is_ascii_digit()).unwrap_or(tag.len())].parse().ok()
}

/// Says whether a container is told the host of a server: one of the operator's Services, `<cluster>-rw`, `-ro` or `-r`.
fn names(container: &Map, server: &Server<'_>, namespace: &str) -> bool {
    let mut told = false;
    let value = Value::Map(container.clone());
    walk::scalars(&value, "", "", &mut |_, _, value| {
        let Value::Str(text) = value else { return };
        let mut hosts = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.')));
        told |= hosts.any(|host| {
            let (service, rest) = host.split_once('.').unwrap_or((host, namespace));
            let there = rest.split('.').next() == Some(server.namespace);
            there && service.strip_prefix(server.name).is_some_and(|end| matches!(end, "-rw" | "-ro" | "-r"))
        });
    });
    told
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn versions_of_images() {
        assert_eq!(major("postgres:16.4-alpine3.20"), Some(16));
        assert_eq!(major("ghcr.io/cloudnative-pg/postgresql:18.1@sha256:00"), Some(18));
        assert_eq!(major("postgres:latest"), None);
        assert_eq!(major("ghcr.io/acme/backup:3"), None);
    }
}
