//! Reports as users see them.

use super::*;
use crate::diag::render::tests::same;
use crate::diff::tests::compare;

const OLD: &[(&str, &str)] = &[
    (
        "components/kafka/base/config/topic.yaml",
        "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: events, namespace: streaming}\nspec: {partitions: 6}\n",
    ),
    ("components/kafka/prod/config/kustomization.yaml", "kind: Kustomization\nresources: [../../base/config]\n"),
    (
        "components/trino/base/values/values.yaml",
        "image: {tag: '476'}\nserver:\n  workers: 3\n  config: |\n    a=1\n    b=2\n",
    ),
    (
        "components/raw/prod/prepare/claim.yaml",
        "apiVersion: objectbucket.io/v1alpha1\nkind: ObjectBucketClaim\nmetadata: {name: landing, namespace: raw}\nspec: {}\n",
    ),
    ("PLATFORM.md", "# lake\n\nhost a\n"),
];
const NEW: &[(&str, &str)] = &[
    (
        "components/kafka/base/config/topic.yaml",
        "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: events, namespace: streaming}\nspec: {partitions: 3}\n",
    ),
    ("components/kafka/prod/config/kustomization.yaml", "kind: Kustomization\nresources: [../../base/config]\n"),
    (
        "components/trino/base/values/values.yaml",
        "image: {tag: '477'}\nserver:\n  workers: 5\n  config: |\n    a=1\n    b=3\n  extra:\n    x: [1, 2]\n  jvm: |\n    -Xmx8G\n    -ea\n",
    ),
    (
        "components/trino/prod/prepare/secret.yaml",
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: login, namespace: trino}\nspec: {refresh: 1h}\n",
    ),
    ("PLATFORM.md", "# lake\n\nhost b\n"),
];

#[test]
fn a_report_has_the_verdict_first_and_the_plan_last() {
    let changes = compare(OLD, NEW);
    same(
        &render(&changes, false),
        r#"
    1 change can lose data, 1 change can fail
    Plan: 1 to add, 3 to change, 1 to destroy.

    at risk
    !- ObjectBucketClaim raw/landing (prod)  components/raw/prod/prepare/claim.yaml
        data loss: `landing` is removed: its bucket and all objects in it are deleted
        - apiVersion: objectbucket.io/v1alpha1
        - kind: ObjectBucketClaim
        - metadata:
        -   name: landing
        -   namespace: raw
        - spec: {}
    !~ KafkaTopic streaming/events (base of prod)  components/kafka/base/config/topic.yaml
        failure: partitions go from `6` to `3`, but Kafka cannot shrink a topic
        ~ spec.partitions: 6 → 3

    base
    ~ file PLATFORM.md
            # lake

          - host a
          + host b
    ~ Helm values trino (base of prod)  components/trino/base/values/values.yaml
        ~ image.tag: "476" → "477"
        ~ server.workers: 3 → 5
        ~ server.config:
            a=1
          - b=2
          + b=3
        + server.extra:
        +   x:
        +   - 1
        +   - 2
        + server.jvm:
        +   -Xmx8G
        +   -ea

    prod
    + ExternalSecret trino/login (prod)  components/trino/prod/prepare/secret.yaml
        + apiVersion: external-secrets.io/v1
        + kind: ExternalSecret
        + metadata:
        +   name: login
        +   namespace: trino
        + spec:
        +   refresh: 1h

    Plan: 1 to add, 3 to change, 1 to destroy.
    "#,
    );
}

#[test]
fn counts_and_names_alone() {
    let changes = compare(OLD, NEW);
    same(
        &stat(&changes),
        r"
     (top level) (base) | +0 ~1 -0
     kafka (base)       | +0 ~1 -0
     trino (base)       | +0 ~1 -0
     raw (prod)         | +0 ~0 -1
     trino (prod)       | +1 ~0 -0
    Plan: 1 to add, 3 to change, 1 to destroy.
    ",
    );
    same(
        &name_only(&changes),
        r"
    PLATFORM.md
    components/kafka/base/config/topic.yaml
    components/raw/prod/prepare/claim.yaml
    components/trino/base/values/values.yaml
    components/trino/prod/prepare/secret.yaml
    ",
    );
}

#[test]
fn nothing_changed() {
    assert_eq!(render(&compare(OLD, OLD), false), "No changes.\n");
    assert_eq!(stat(&compare(OLD, OLD)), "No changes.\n");
    assert_eq!(name_only(&compare(OLD, OLD)), "");
    let hidden = compare(&[("a.yaml", "a: 1\n")], &[("a.yaml", "# hello\na: 1\n")]);
    assert!(render(&hidden, false).starts_with("1 difference hidden: "));
    assert!(render(&hidden, false).ends_with("\nNo changes.\n"));
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

#[test]
fn the_same_change_in_many_resources_is_printed_once() {
    let file = |n: usize, version: &str| {
        (
            format!("components/c{n}/prod/release/a.yaml"),
            format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s{n}, labels: {{v: {version}}}}}\n"),
        )
    };
    let files = |version: &str| -> Vec<(String, String)> { (0..4).map(|n| file(n, version)).collect() };
    let (old, new) = (files("a"), files("b"));
    let text = render(&compare(&borrowed(&old), &borrowed(&new)), false);
    assert_eq!(text.matches("metadata.labels.v: a → b").count(), 1, "{text}");
    assert!(text.contains("same change in 4 resources"));
    assert_eq!(text.matches("~ Service/s").count(), 4);
}

#[test]
fn hidden_characters_and_long_values_are_tamed() {
    let file = |value: &str| {
        format!(
            "apiVersion: v1\nkind: \"Po\\u001bd\"\nmetadata: {{name: \"\\u202ex\"}}\ndata: {{\"k\\u0007\": \"{value}\", '::error::': '##[x]{}'}}\n",
            &value[..1]
        )
    };
    let (old, new) = (file(&format!("{}\\u001b", "a".repeat(5000))), file(&format!("{}b", "a".repeat(5000))));
    for color in [false, true] {
        let text = render(&compare(&[("x.yaml", &old)], &[("x.yaml", &new)]), color);
        let plain = text.replace("\u{1b}[", "");
        assert!(plain.chars().all(|c| c == '\n' || !escape::is_hidden(c)), "{text:?}");
        assert!(text.contains("\\u{202e}x") && text.contains("Po\\u{1b}d"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() < 500), "{text}");
    }
    let added = render(&compare(&[], &[("x.yaml", &old)]), false);
    assert!(!added.contains("##[") && !added.chars().any(|c| c != '\n' && escape::is_hidden(c)), "{added}");
}

#[test]
fn a_large_resource_is_counted_when_it_comes_or_goes() {
    let lines = (0..60).fold(String::new(), |text, n| text + &format!("  k{n}: v\n"));
    let object = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n{lines}");
    let text = render(&compare(&[], &[("x.yaml", &object)]), false);
    assert!(text.contains("+ 65 lines"), "{text}");
}
