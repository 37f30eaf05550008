//! Charts from elsewhere: repositories and registries in, packed charts with verified digests out.
//!
//! This is the only part of lakegen that opens a socket. The commands `lock`, `fetch` and `vendor` call it; a compile
//! cannot, because no stage knows this folder. Every answer is hostile until it is checked: addresses, sizes, times,
//! redirects, digests. Nothing that was served reaches a disk before its digest is what it has to be.

pub mod address; //     text → scheme, host, port, path
pub mod hosts; //       which hosts may be spoken to
pub mod credentials; // who lakegen is to which server
pub mod docker; //          the credentials of docker, podman and helm
mod helper; //          programs that keep credentials
mod troubles; //        why a request failed, in words
pub mod client; //      one request: time, size, redirects, retries
pub mod index; //       index.yaml of a classic repository
pub mod repository; //  a classic repository: index, archive
pub mod registry; //    an OCI registry: token, manifest, layer
pub mod resolve; //     a chart that is wanted → version, digest, address, bytes
pub mod store; //       the only writer of the cache
pub mod vendor; //      charts in the platform's own repository
pub mod bundle; //      charts in one file, to carry across

use std::fmt;

use crate::code;
use crate::diag::{Code, Diagnostic, Span};
use crate::world::charts::Digest;

/// The codes that fetching emits.
pub static CODES: &[&Code] = &[
    &UNLOCKED_CHART,
    &CHART_NOT_FOUND,
    &DIGEST_MISMATCH,
    &BAD_ANSWER,
    &REFUSED_HOST,
    &LOGIN_NEEDED,
    &UNTRUSTED_SERVER,
    &UNREACHABLE,
];

code!(
    UNLOCKED_CHART,
    "unlocked-chart",
    "the platform uses a chart that is not in the lock",
    "without a digest, nobody can tell whether a chart is the one that was reviewed",
    "[components.trino]\nversion = \"1.43.0\"    # but lakegen.lock has 1.42.2",
    "run `lakegen lock` and commit lakegen.lock"
);
code!(
    CHART_NOT_FOUND,
    "chart-not-found",
    "a repository or registry does not have this chart, or this version of it",
    "the engine would also fail, but later and in the cluster",
    "[components.trino]\nversion = \"99.0.0\"",
    "[components.trino]\nversion = \"1.42.2\""
);
code!(
    DIGEST_MISMATCH,
    "digest-mismatch",
    "a server sent something other than the lock or the index expects",
    "either the chart was republished under the same version, or the connection is being tampered with; a person has \
    to decide",
    "lakegen.lock: digest = \"sha256:ba78…\"    served: sha256:4f2a…",
    "ask the chart's owner; if the change is legitimate, run `lakegen lock --update NAME` and review the diff"
);
code!(
    BAD_ANSWER,
    "bad-answer",
    "a server sent something that is not a chart, index or manifest, or exceeds the size limit",
    "lakegen does not guess: it may be a login page",
    "chart.repository = \"https://example.com/login\"",
    "chart.repository = \"https://charts.example.com\""
);
code!(
    REFUSED_HOST,
    "refused-host",
    "a URL leads into a private network, is not encrypted, or contains credentials",
    "platform.toml may come from a stranger's pull request, so only the person who runs lakegen can allow access to \
    internal hosts",
    "chart.repository = \"http://10.0.0.7/charts\"",
    "lakegen lock --allow-host http://10.0.0.7"
);
code!(
    LOGIN_NEEDED,
    "login-needed",
    "a server denied access",
    "private repositories need credentials, which come from whoever runs lakegen, never from platform.toml",
    "oci://registry.example.com/private",
    "docker login registry.example.com, helm registry login registry.example.com, or `--credentials FILE`"
);
code!(
    UNTRUSTED_SERVER,
    "untrusted-server",
    "a server's certificate is not valid for it",
    "somebody on the network could be impersonating the server",
    "a server with a certificate signed by the company's own CA",
    "lakegen lock --ca-file company-ca.pem"
);
code!(
    UNREACHABLE,
    "unreachable",
    "a server is unreachable, too slow, or asks to retry later",
    "the problem may be temporary, so the exit code is 75",
    "no network, 429 Too Many Requests, 503 Service Unavailable",
    "run it again later; without network access, use `lakegen fetch --import FILE` or vendored charts"
);

/// Whose turn it is; the number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The input, or what a server has, must change.
    Finding = 1,
    /// The machine or the call must change.
    Environment = 2,
    /// Nothing must change but the time.
    TryAgain = 75,
}

/// Why a chart could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: &'static Code,
    pub class: Class,
    pub message: String,
    pub notes: Vec<String>,
    pub help: Vec<String>,
}

impl Problem {
    fn new(code: &'static Code, class: Class, message: impl Into<String>) -> Self {
        Self { code, class, message: message.into(), notes: vec![], help: vec![] }
    }

    #[must_use]
    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    #[must_use]
    fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Returns the problem of bytes that are not those that were promised.
    pub(crate) fn mismatch(what: &str, by: &str, expected: &Digest, actual: &Digest) -> Self {
        Self::new(&DIGEST_MISMATCH, Class::Finding, format!("{what} does not match {by}"))
            .note(format!("expected {expected}"))
            .note(format!("received {actual}"))
    }

    /// Returns this as a finding at the place that wants the chart.
    pub fn at(self, span: Span) -> Diagnostic {
        let found = Diagnostic::error(self.code, self.message).at(span, "");
        let found = self.notes.into_iter().fold(found, Diagnostic::note);
        self.help.into_iter().fold(found, Diagnostic::help)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}
