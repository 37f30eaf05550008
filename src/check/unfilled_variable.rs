//! `unfilled-variable`: a setting of Spark that names an environment variable in a form that nobody fills in.

use super::{Clean, Context, Findings, at_key, walk};
use crate::code;
use crate::diag::Diagnostic;
use crate::manifest::value::Value;

code!(
    UNFILLED_VARIABLE,
    "unfilled-variable",
    "a setting contains `${NAME}`, but its application does not expand environment variables",
    "the application would use the literal text, and log in as `${NAME}`",
    "conf.\"spark.hadoop.fs.s3a.access.key\" = \"${MINIO_ACCESS_KEY}\"",
    "conf.\"spark.hadoop.fs.s3a.access.key\" = \"${env.MINIO_ACCESS_KEY}\""
);

/// Where the operator takes settings from (CRD sparkapplications.sparkoperator.k8s.io, v1beta2).
const PLACES: &[&[&str]] = &[
    &["spec", "sparkConf"],
    &["spec", "hadoopConf"],
    &["spec", "template", "sparkConf"],
    &["spec", "template", "hadoopConf"],
];

/// Checks the settings of every Spark application.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let mut clean = Clean::default();
    for made in context.made() {
        for lowered in made.objects().filter(|l| l.object.group() == "sparkoperator.k8s.io") {
            let object = lowered.object.value();
            clean.unless_clean(object, findings, |findings| {
                let settings = PLACES.iter().filter_map(|place| object.at(place)?.as_map()).flatten();
                for (key, value) in settings {
                    let Value::Str(text) = value else { continue };
                    let Some(name) = variable(text) else { continue };
                    let message = format!("`{key}` contains `${{{name}}}`, which nothing expands");
                    let diagnostic = Diagnostic::warning(&UNFILLED_VARIABLE, message);
                    let written = made.instance.and_then(|instance| walk::written_text(instance, text));
                    let diagnostic = match written {
                        Some(span) => diagnostic.at(span, ""),
                        None => at_key(context, diagnostic, lowered, key),
                    };
                    // Hadoop's own settings are read by Hadoop (org.apache.hadoop.conf.Configuration, 3.x), all others by Spark
                    // (org.apache.spark.internal.config.ConfigReader, 4.0).
                    let hadoop = key.starts_with("spark.hadoop.") || !key.starts_with("spark.");
                    let right = if hadoop { format!("${{env.{name}}}") } else { format!("${{env:{name}}}") };
                    findings.object(
                        &made,
                        lowered,
                        diagnostic.help(format!("write `{right}` to read it from the environment")),
                    );
                }
            });
        }
    }
}

/// Returns the first `${NAME}` whose name is that of an environment variable.
fn variable(text: &str) -> Option<&str> {
    text.match_indices("${").find_map(|(at, _)| {
        let (name, _) = text[at + 2..].split_once('}')?;
        let capital = name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
        (capital && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::variable;

    #[test]
    fn variables_are_told_from_what_is_filled_in() {
        assert_eq!(variable("${MINIO_ACCESS_KEY}"), Some("MINIO_ACCESS_KEY"));
        assert_eq!(variable("s3a://${BUCKET}/x"), Some("BUCKET"));
        for text in ["${env:KEY}", "${env.KEY}", "${spark.app.name}", "$KEY", "${}", "x"] {
            assert_eq!(variable(text), None, "{text}");
        }
    }
}
