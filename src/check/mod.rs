//! Read-only rules over manifests, one file each.
//!
//! Comes in: the platform and its manifests, borrowed, so that no rule can change what it judges. Goes out: findings.
//! `[policy]` sets a rule's level, `[[policy.allow]]` makes an exception with a reason; both are applied here and only
//! here (`policy`), so that a rule knows nothing of either.

mod policy; //  levels, exceptions, one finding for all targets
mod walk; //    strings with their keys, places in the user's tables
mod words; //   hosts and names that containers are told
mod unjudged; // what nobody could look into
mod partly; //  what holds although a part of the platform is not there
mod secret_words; // what a string is, when it is a secret
mod addresses; // buckets, hosts and databases in texts
mod default_types; // values against the defaults of a chart at hand
mod unknown_value; //            unknown-value, wrong-value-type, unchecked-values
mod unread_value; //             unread-value
mod large_integer; //            large-integer
mod chart_sight; //              chart-refused, unfetched-chart, unstable-template
mod hook_deadlock; //            hook-deadlock
mod project_kind; //             project-kind
mod plain_secret; //            plain-secret
mod floating_image; //          floating-image
mod duplicate_host; //          duplicate-host
mod duplicate_object; //        duplicate-object
mod bare_pod; //                bare-pod
mod missing_namespace; //       missing-namespace
mod number_in_string; //        number-in-string
mod large_object; //            large-object
mod broken_secret_reference; // broken-secret-reference
mod abandoned_component; //     abandoned-component
mod abandoned_source; //        abandoned-chart, abandoned-image
mod foreign_annotation; //      foreign-annotation
mod unfilled_variable; //       unfilled-variable
mod old_client; //              old-client
mod unknown_address; //         unknown-address
mod unknown_annotation; //      unknown-annotation
mod malformed_field; //         malformed-field
mod unknown_scope; //          unknown-scope
mod unknown_issuer; //          unknown-issuer
mod runtime_download; //        runtime-download
mod bucket_claim_setting; //    bucket-claim-setting
mod unapplied_bucket_setting; // unapplied-bucket-setting

use std::collections::BTreeSet;

pub use chart_sight::CHART_REFUSED;
pub use partly::holds_in_part;
pub use unjudged::unjudged;
pub use unknown_value::{UNCHECKED_VALUES, Where, dotted, find as find_value};
pub use unread_value::{UNREAD_VALUE, Unread, nearest, unread};

use crate::catalog::Portion;
use crate::code;
use crate::diag::{Code, Diagnostic, Sources, Span};
use crate::helm::inflate::Inflated;
use crate::lower::charts::Sight;
use crate::lower::{ComponentManifests, Lowered, Manifests};
use crate::manifest::value::Value;
use crate::resolve::{Instance, Platform, Target};

/// The codes of all rules; each takes a level in `[policy]`.
pub static CODES: &[&Code] = &[
    &unknown_value::UNKNOWN_VALUE,
    &unknown_value::WRONG_VALUE_TYPE,
    &unknown_value::UNCHECKED_VALUES,
    &unread_value::UNREAD_VALUE,
    &large_integer::LARGE_INTEGER,
    &chart_sight::CHART_REFUSED,
    &chart_sight::UNFETCHED_CHART,
    &chart_sight::UNSTABLE_TEMPLATE,
    &hook_deadlock::HOOK_DEADLOCK,
    &project_kind::PROJECT_KIND,
    &plain_secret::PLAIN_SECRET,
    &floating_image::FLOATING_IMAGE,
    &duplicate_host::DUPLICATE_HOST,
    &duplicate_object::DUPLICATE_OBJECT,
    &bare_pod::BARE_POD,
    &missing_namespace::MISSING_NAMESPACE,
    &number_in_string::NUMBER_IN_STRING,
    &large_object::LARGE_OBJECT,
    &broken_secret_reference::BROKEN_SECRET_REFERENCE,
    &abandoned_component::ABANDONED_COMPONENT,
    &abandoned_source::ABANDONED_CHART,
    &abandoned_source::ABANDONED_IMAGE,
    &foreign_annotation::FOREIGN_ANNOTATION,
    &unfilled_variable::UNFILLED_VARIABLE,
    &old_client::OLD_CLIENT,
    &unknown_address::UNKNOWN_ADDRESS,
    &unknown_annotation::UNKNOWN_ANNOTATION,
    &malformed_field::MALFORMED_FIELD,
    &unknown_issuer::UNKNOWN_ISSUER,
    &unknown_scope::UNKNOWN_SCOPE,
    &runtime_download::RUNTIME_DOWNLOAD,
    &bucket_claim_setting::BUCKET_CLAIM_SETTING,
    &unapplied_bucket_setting::UNAPPLIED_BUCKET_SETTING,
    &UNUSED_EXCEPTION,
];

static RULES: &[fn(&Context<'_>, &mut Findings)] = &[
    unknown_value::check,
    unread_value::check,
    large_integer::check,
    chart_sight::check,
    hook_deadlock::check,
    project_kind::check,
    plain_secret::check,
    floating_image::check,
    duplicate_host::check,
    duplicate_object::check,
    bare_pod::check,
    missing_namespace::check,
    number_in_string::check,
    large_object::check,
    broken_secret_reference::check,
    abandoned_component::check,
    abandoned_source::check,
    foreign_annotation::check,
    unfilled_variable::check,
    old_client::check,
    unknown_address::check,
    unknown_annotation::check,
    malformed_field::check,
    unknown_issuer::check,
    unknown_scope::check,
    runtime_download::check,
    bucket_claim_setting::check,
    unapplied_bucket_setting::check,
];

code!(
    UNUSED_EXCEPTION,
    "unused-exception",
    "an exception in `[[policy.allow]]` matches no finding",
    "an exception that outlives its reason may later hide a real finding",
    "[[policy.allow]]\nrule = \"bare-pod\"\nresource = \"debug\"     # this Pod no longer exists\nreason = \"while we investigate the leak\"",
    "remove the exception"
);

/// Runs every rule.
pub fn check(platform: &Platform, manifests: &Manifests, sources: &Sources) -> Vec<Diagnostic> {
    let context = Context { platform, manifests, sources };
    let mut findings = Findings::default();
    for rule in RULES {
        rule(&context, &mut findings);
    }
    policy::apply(platform, findings.0)
}

/// What a rule may look at.
struct Context<'a> {
    platform: &'a Platform,
    manifests: &'a Manifests,
    sources: &'a Sources,
}

/// A component of a target with what was made of it; `instance` is absent for units of lakegen's own.
#[derive(Clone, Copy)]
struct Made<'a> {
    index: usize,
    target: &'a Target,
    name: &'a str,
    instance: Option<&'a Instance>,
    unit: &'a ComponentManifests,
}

impl<'a> Made<'a> {
    /// Returns the objects of all stages, and those of a folder that the engine reads by itself, when they will be just so.
    fn objects(&self) -> impl Iterator<Item = &'a Lowered> + use<'a> {
        self.unit.stages.values().flatten().chain(self.unit.read.whole())
    }

    /// Returns the objects as somebody wrote them, also where Kustomize changes them on the way.
    fn written(&self) -> impl Iterator<Item = &'a Lowered> + use<'a> {
        self.unit.stages.values().flatten().chain(&self.unit.read.objects)
    }
}

impl<'a> Context<'a> {
    /// Returns every component of every target.
    fn made(&self) -> impl Iterator<Item = Made<'a>> + use<'a> {
        let targets = self.platform.targets.iter().zip(&self.manifests.targets).enumerate();
        targets.flat_map(|(index, (target, manifests))| {
            manifests.components.iter().map(move |(name, unit)| Made {
                index,
                target,
                name,
                instance: target.instances.get(name),
                unit,
            })
        })
    }
}

/// The release of a component's own chart that was inflated, with the values that it was given.
#[derive(Clone, Copy)]
struct Release<'a> {
    made: Made<'a>,
    instance: &'a Instance,
    values: &'a Value,
    inflated: &'a Inflated,
}

impl<'a> Context<'a> {
    /// Returns every release whose chart was looked into.
    fn releases(&self) -> impl Iterator<Item = Release<'a>> + use<'a> {
        let manifests = self.manifests;
        self.made().filter_map(move |made| {
            let charts = &manifests.targets[made.index].charts;
            let own = charts.iter().find(|i| i.component == made.name && i.part == Portion::Main)?;
            let Sight::Inflated(inflated) = &own.sight else { return None };
            Some(Release { made, instance: made.instance?, values: made.unit.values.as_deref()?, inflated })
        })
    }
}

/// A finding before the policy was asked.
struct Finding {
    /// Index of its target.
    target: usize,
    component: String,
    /// `Kind/name`, empty when it is about no object.
    resource: String,
    diagnostic: Diagnostic,
}

/// What the rules found.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a finding about a component as a whole.
    fn component(&mut self, target: usize, component: &str, diagnostic: Diagnostic) {
        self.0.push(Finding { target, component: component.into(), resource: String::new(), diagnostic });
    }

    /// Adds a finding about an object.
    fn object(&mut self, made: &Made<'_>, lowered: &Lowered, diagnostic: Diagnostic) {
        let resource = format!("{}/{}", lowered.object.kind(), lowered.object.name());
        self.0.push(Finding { target: made.index, component: made.name.into(), resource, diagnostic });
    }
}

/// Values in which a rule found nothing: those that targets share need not be looked at again.
#[derive(Default)]
struct Clean(BTreeSet<usize>);

impl Clean {
    /// Runs `look` unless it found nothing in this very value before.
    fn unless_clean(&mut self, value: &Value, findings: &mut Findings, look: impl FnOnce(&mut Findings)) {
        let address = std::ptr::from_ref(value).addr();
        if self.0.contains(&address) {
            return;
        }
        let before = findings.0.len();
        look(findings);
        if findings.0.len() == before {
            self.0.insert(address);
        }
    }
}

/// Returns the best place for a finding about an object: the template's or file's line, else what asked for it.
fn place(lowered: &Lowered) -> Span {
    lowered.origin.template.unwrap_or(lowered.origin.span)
}

/// Returns the place of a key behind the beginning of an object in its template or file.
fn place_of_key(context: &Context<'_>, lowered: &Lowered, key: &str) -> Option<Span> {
    let start = lowered.origin.template?;
    let text = context.sources.text(start.source).get(start.start as usize..)?;
    let end = text.find("\n---").unwrap_or(text.len());
    let (from, to) = walk::yaml_line(&text[..end], &[key.to_string()])?;
    let at = start.start as usize;
    Some(Span::new(start.source, at + from, at + to))
}

/// Adds both places of an object, as [`at_object`] does, the first one at a key of it where that can be found.
fn at_key(context: &Context<'_>, diagnostic: Diagnostic, lowered: &Lowered, key: &str) -> Diagnostic {
    match place_of_key(context, lowered, key) {
        Some(span) => diagnostic.at(span, "").at(lowered.origin.span, "included here"),
        None => at_object(diagnostic, lowered, ""),
    }
}

/// Adds both places of an object: where it is written, and what in platform.toml asked for it.
fn at_object(diagnostic: Diagnostic, lowered: &Lowered, text: &str) -> Diagnostic {
    let diagnostic = diagnostic.at(place(lowered), text);
    match lowered.origin.template {
        Some(_) => diagnostic.at(lowered.origin.span, "included here"),
        None => diagnostic,
    }
}
