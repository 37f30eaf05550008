//! The formats of strings as regular expressions, for the JSON Schema that editors read.
//!
//! They say the same as [`Format::check`] as far as one expression can: which of two quantities is larger, or whether a glob is
//! well formed, only the check knows. Written for ECMA 262, the dialect of JSON Schema.

use super::string::ROOTS;
use super::text::{Format, SCHEMES};

/// A DNS label that begins with a letter.
const NAME: &str = "[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?";
const LABEL: &str = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
/// More than nothing of something, with the units of Kubernetes.
const SIZE: &str = r"(?:0*[1-9][0-9]*(?:\.[0-9]+)?|0+\.0*[1-9][0-9]*)(?:[kMGTP]|[KMGTP]i)?";

/// Returns the expression of a format without the anchors; `None` where any text will do.
pub fn pattern(format: Format) -> Option<String> {
    Some(match format {
        Format::Any => return None,
        // An expression cannot say which of them are well formed.
        Format::Glob => return None,
        Format::Size => SIZE.into(),
        Format::Range => {
            let quantity = format!(r"(?:{SIZE}|0|[0-9]+(?:\.[0-9]+)?m)");
            format!(r"{quantity}(?:\.\.{quantity})?")
        }
        Format::Duration => "(?:[0-9]+[smhdw])+".into(),
        Format::Cron => cron(),
        Format::Image => format!(
            "(?:[A-Za-z0-9._:-][A-Za-z0-9._:/-]*/)?[a-z0-9._-]+(?::{TAG})?(?:@sha256:[0-9a-fA-F]{{64}})?",
            TAG = "[A-Za-z0-9._-]{1,128}"
        ),
        Format::Item => r"[^#\x00-\x1f\x7f-\x9f]+(?:#[^#\x00-\x1f\x7f-\x9f]+)?".into(),
        Format::Host => {
            format!(r"(?:{NAME}:)?(?:@|(?:\*\.)?(?!(?:[0-9]{{1,3}}\.){{3}}[0-9]{{1,3}}$){LABEL}(?:\.{LABEL})*)")
        }
        Format::Name => NAME.into(),
        Format::Reference => r"\S+".into(),
        Format::Url => {
            let schemes: Vec<String> = SCHEMES.iter().map(|scheme| scheme.replace('/', r"\/")).collect();
            format!(r"(?:{})[^\s\x00-\x1f\x7f-\x9f]+", schemes.join("|"))
        }
        Format::Version => r"v?[0-9]+(?:\.[0-9]+){0,3}(?:[-+][A-Za-z0-9.+-]*)?".into(),
        Format::Api => {
            let names = format!(r"{LABEL}(?:\.{LABEL})*");
            format!(r"{names}\/{names}(?:\/[A-Z][A-Za-z0-9]*(?::(?:Cluster|Namespaced))?)?")
        }
        Format::Pointer => r"(?:\/(?:[^~\/]|~[01])*)+".into(),
        Format::Path => r"(?!(?:[^\\:]*\/)?\.\.(?:\/|$))[^\/\\:\x00][^\\:\x00]*".into(),
    })
}

/// Returns an expression that finds a reference of ours, which is judged once it is filled in.
pub fn reference() -> String {
    format!(r"\$\{{\s*(?:{})(?:[.|][^}}]*|\s*)\}}", ROOTS.join("|"))
}

/// Five fields, each a list of values, ranges and steps; or a macro.
fn cron() -> String {
    let field = |value: &str| {
        let item = format!(r"(?:[*?]|(?:{value})(?:-(?:{value}))?)(?:\/0*[1-9][0-9]*)?");
        format!("{item}(?:,{item})*")
    };
    let named = |names: &[&str]| {
        let any_case =
            |name: &&str| name.chars().map(|c| format!("[{c}{}]", c.to_ascii_uppercase())).collect::<String>();
        names.iter().map(any_case).collect::<Vec<_>>().join("|")
    };
    let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let fields = [
        field("0*[1-5]?[0-9]"),
        field("0*(?:1?[0-9]|2[0-3])"),
        field("0*(?:[1-9]|[12][0-9]|3[01])"),
        field(&format!("0*(?:[1-9]|1[0-2])|{}", named(&months))),
        field(&format!("0*[0-6]|{}", named(&days))),
    ];
    format!(r"(?:@(?:yearly|annually|monthly|weekly|daily|midnight|hourly|every .+)|\s*{}\s*)", fields.join(r"\s+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that are right for one format or another, and texts that are nearly right.
    const TEXTS: &[&str] = &[
        "",
        "0",
        "0Gi",
        "1",
        "007",
        "20Gi",
        "20GB",
        "1.5Ti",
        "1.",
        ".5",
        "0.0",
        "0.50M",
        "1.2.3",
        "-1Gi",
        "Gi",
        "500m",
        "0.5m",
        "500m..2",
        "1..1",
        "2...4",
        "a..b",
        "4Gi..8Gi",
        "..",
        "30s",
        "1h30m",
        "7d",
        "7 d",
        "1x",
        "d",
        "5",
        "0 2 * * *",
        "*/5 1-4 1,15 jan mon",
        " 0  2 * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * DEC SUN",
        "* * * * 7",
        "* * * * 8",
        "*/0 * * * *",
        "0 2 * *",
        "0 0 2 * * *",
        "@daily",
        "@often",
        "a:1",
        "r.io:5000/a/b:1.2",
        "a b:1",
        "A:1",
        "a:",
        "Acme/app:1",
        "acme/App:1",
        "/a:1",
        "a/:1",
        "a@sha256:12",
        "a@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "app/database",
        "app/database#password",
        "#x",
        "x#",
        "a#b#c",
        "a\nb",
        "query",
        "query.example.com",
        "@",
        "*.example.com",
        "inside:admin",
        "inside:@",
        "In:a",
        "10.0.0.1",
        "a_b",
        "Query",
        "a-.b",
        "a..b",
        "trino",
        "a1-b",
        "1a",
        "a-",
        "-a",
        "a.b",
        "a234567890123456789012345678901234567890123456789012345678901234",
        "postgres/warehouse",
        "post gres",
        "https://git.example.com/a.git",
        "git@git.example.com:a/b.git",
        "ftp://x",
        "https://",
        "https://a b",
        "oci://r/x",
        "1.42.2",
        "v1.21.1",
        "1.0.0-rc.1",
        "1.0.0+b",
        ">=1",
        "1.x",
        "*",
        "latest",
        "1.2 - 1.3",
        "1.2.3.4.5",
        "v",
        "a/b",
        "/a",
        "../a",
        "a/../b",
        "a/..",
        "..a/b",
        "a/..b",
        "c:\\x",
        "a\\b",
        ".",
        "./a",
        "/spec/replicas",
        "/a.b~1c",
        "/",
        "/a~b",
        ".spec",
        "cert-manager.io/v1",
        "example.com/v1/Widget",
        "example.com/v1/Widget:Cluster",
        "example.com/v1/Widget:Namespaced",
        "example.com/v1/Widget:cluster",
        "example.com/v1/widget",
        "example.com/v1:Cluster",
        "example.com",
        "example.com/",
    ];

    #[test]
    fn expressions_say_what_the_checks_say() {
        let formats = [
            Format::Size,
            Format::Range,
            Format::Duration,
            Format::Cron,
            Format::Image,
            Format::Item,
            Format::Host,
            Format::Name,
            Format::Reference,
            Format::Url,
            Format::Version,
            Format::Path,
            Format::Pointer,
            Format::Api,
        ];
        // What no expression can say: which quantity is larger.
        let beyond = [(Format::Range, "2..1")];
        for format in formats {
            let expression = format!("^(?:{})$", pattern(format).unwrap());
            let regex = fancy(&expression);
            for text in TEXTS.iter().filter(|text| !beyond.contains(&(format, text))) {
                assert_eq!(regex(text), format.check(text).is_ok(), "{format:?} and `{text}`: {expression}");
            }
        }
    }

    #[test]
    fn references_are_found_where_they_are_read() {
        let regex = fancy(&reference());
        for text in [
            "${vars.a}",
            "x-${platform.name}.b",
            "${namespace}",
            "${requires.a.b|json}",
            "${ vars.a }",
            "${HOME}",
            "$x",
            "${environments.a}",
            "${env}",
            "",
        ] {
            assert_eq!(regex(text), super::super::string::has_reference(text), "`{text}`");
        }
    }

    /// Returns what a JSON Schema's own engine says of an expression.
    fn fancy(expression: &str) -> impl Fn(&str) -> bool + use<> {
        let schema = serde_json::json!({"type": "string", "pattern": expression});
        let validator = jsonschema::validator_for(&schema).unwrap();
        move |text| validator.is_valid(&serde_json::Value::from(text))
    }
}
