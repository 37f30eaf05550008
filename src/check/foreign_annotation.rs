//! `foreign-annotation`: settings of one ingress controller on an ingress of another.

use super::{Context, Findings, Made, at_key};
use crate::code;
use crate::diag::Diagnostic;
use crate::manifest::value::Value;
use crate::resolve::Instance;

code!(
    FOREIGN_ANNOTATION,
    "foreign-annotation",
    "an Ingress has an annotation that its controller does not read",
    "the controller ignores it, so the redirect, certificate or limit that it was meant to set is missing",
    "[edges.web]\nkind = \"ingress\"\nclass = \"nginx\"\nannotations = { \"alb.ingress.kubernetes.io/scheme\" = \"internal\" }",
    "[edges.web]\nkind = \"ingress\"\nclass = \"alb\"\nannotations = { \"alb.ingress.kubernetes.io/scheme\" = \"internal\" }"
);

/// How annotations of a controller begin, and the class that it usually has.
const READERS: &[(&str, &str)] = &[
    ("alb.ingress.kubernetes.io/", "alb"),
    ("nginx.ingress.kubernetes.io/", "nginx"),
    ("traefik.ingress.kubernetes.io/", "traefik"),
    ("haproxy-ingress.github.io/", "haproxy"),
    ("haproxy.org/", "haproxy"),
    ("appgw.ingress.kubernetes.io/", "azure-application-gateway"),
    ("networking.gke.io/", "gce"),
];

/// Checks the annotations of every Ingress whose controller is known.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    for made in context.made() {
        for lowered in made.objects().filter(|l| l.object.kind() == "Ingress") {
            let value = lowered.object.value();
            let Some(class) = value.at(&["spec", "ingressClassName"]).and_then(Value::as_str) else { continue };
            let Some(controller) = controller(context, &made, class) else { continue };
            let annotations = value.at(&["metadata", "annotations"]).and_then(Value::as_map).into_iter().flatten();
            for (key, _) in annotations {
                let Some((_, usual)) = READERS.iter().find(|(prefix, _)| key.starts_with(prefix)) else {
                    continue;
                };
                if controller == *usual {
                    continue;
                }
                let name = lowered.object.name();
                let message = format!(
                    "Ingress `{name}` has the annotation `{key}`, which the controller of class `{class}` \
                    does not read"
                );
                let edge = edge_of(&made, name).and_then(|edge| made.target.edges.get(edge));
                let asked = edge.filter(|edge| edge.annotations.contains_key(&**key));
                let diagnostic = Diagnostic::warning(&FOREIGN_ANNOTATION, message);
                let diagnostic = match asked {
                    Some(edge) => diagnostic.at(edge.span, "set on this edge"),
                    None => at_key(context, diagnostic, lowered, key),
                };
                let help = format!(
                    "remove it, or publish through an edge whose controller reads it, usually one of class `{usual}`"
                );
                findings.object(&made, lowered, diagnostic.help(help));
            }
        }
    }
}

/// Returns the edge that a component's ingress was made for.
fn edge_of<'a>(made: &Made<'a>, ingress: &str) -> Option<&'a str> {
    let instance = made.instance?;
    instance.routes().find(|route| route.name == ingress).map(|route| route.edge.as_str())
}

/// Returns the usual class of the controller that serves a class; none when it is not known.
fn controller(context: &Context<'_>, made: &Made<'_>, class: &str) -> Option<&'static str> {
    let shared = context.platform.shared_of(made.target);
    let mut all = made.target.instances.values().chain(shared.into_iter().flat_map(|t| t.instances.values()));
    let serving = all.find(|i| i.definition.provides.contains_key("ingress") && class_of(i).as_deref() == Some(class));
    let reads = |i: &Instance, prefix: &str| i.definition.annotations.iter().any(|known| known == prefix);
    let by_component = serving.map(|i| READERS.iter().find(|(prefix, _)| reads(i, prefix)));
    match by_component {
        Some(known) => known.map(|(_, usual)| *usual),
        None => READERS.iter().find(|(_, usual)| *usual == class).map(|(_, usual)| *usual),
    }
}

fn class_of(instance: &Instance) -> Option<String> {
    instance.option("class").and_then(crate::parse::Node::as_str).map(String::from)
}
