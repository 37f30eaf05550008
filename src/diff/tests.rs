//! Whole trees compared: matching, moves, renames, masks, bounds.

use super::*;

/// Returns a tree of these files.
pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.add(*path, text.as_bytes()).unwrap();
    }
    tree
}

pub(super) fn compare(old: &[(&str, &str)], new: &[(&str, &str)]) -> Changes {
    diff(&tree(old), &tree(new), Options::default())
}

const FILE: &str = "components/trino/prod/release/a.yaml";

fn object(kind: &str, name: &str, rest: &str) -> String {
    format!("apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: data\n{rest}")
}

/// Returns path, old and new of each hunk of the only change, as JSON.
fn hunks(old: &str, new: &str) -> Vec<(String, String, String)> {
    let changes = compare(&[(FILE, &object("Pod", "x", old))], &[(FILE, &object("Pod", "x", new))]);
    let json = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), |v| serde_json::to_string(v).unwrap());
    let hunks = changes.resources.iter().flat_map(|change| &change.hunks);
    hunks.map(|hunk| (hunk.path.clone(), json(&hunk.old), json(&hunk.new))).collect()
}

fn only(changes: &Changes) -> &Change {
    assert_eq!(changes.resources.len(), 1, "{changes:#?}");
    &changes.resources[0]
}

#[test]
fn lists_are_matched_by_what_identifies_their_items() {
    let rows = [
        (
            "a: [{name: x, v: 1}, {name: z, v: 2}]",
            "a: [{name: w}, {name: x, v: 1}, {name: z, v: 3}]",
            "a[name=z].v 2 3; a[name=w] - {\"name\":\"w\"}",
        ),
        (
            "a: [{name: x}, {name: z}]",
            "a: [{name: z}, {name: x}]",
            "a (order) [\"name=x\",\"name=z\"] [\"name=z\",\"name=x\"]",
        ),
        ("volumes: [{name: x}, {name: z}]", "volumes: [{name: z}, {name: x}]", ""),
        (
            "p: [{containerPort: 53, protocol: TCP}, {containerPort: 53, protocol: UDP}]",
            "p: [{containerPort: 53, protocol: UDP}]",
            "p[containerPort=53,protocol=TCP] {\"containerPort\":53,\"protocol\":\"TCP\"} -",
        ),
        (
            "m: [{name: d, mountPath: /a}, {name: d, mountPath: /b}]",
            "m: [{name: d, mountPath: /b}, {name: e, mountPath: /a}]",
            "m[mountPath=/a].name \"d\" \"e\"; m (order) [\"mountPath=/a\",\"mountPath=/b\"] [\"mountPath=/b\",\"mountPath=/a\"]",
        ),
        ("args: [a, b, c]", "args: [a, c]", "args[1] \"b\" -"),
        ("args: [a, b, c]", "args: [a, x, c, d]", "args[1] \"b\" \"x\"; args[3] - \"d\""),
        ("accessModes: [a, b]", "accessModes: [b, a]", ""),
        ("accessModes: [a, b]", "accessModes: [c, a]", "accessModes[] \"b\" -; accessModes[] - \"c\""),
        ("labels: {a.b/c: x}", "labels: {a.b/c: z}", "labels[\"a.b/c\"] \"x\" \"z\""),
        ("rules: [{v: [a]}]", "rules: [{v: [b]}]", "rules[0].v[0] \"a\" \"b\""),
    ];
    for (old, new, expected) in rows {
        let got: Vec<String> = hunks(old, new).into_iter().map(|(path, a, b)| format!("{path} {a} {b}")).collect();
        assert_eq!(got.join("; "), expected, "{old} / {new}");
    }
}

#[test]
fn equal_quantities_are_no_change_where_quantities_stand() {
    assert!(
        hunks(
            "resources: {requests: {cpu: 1000m}, limits: {memory: 1Gi}}",
            "resources: {requests: {cpu: 1}, limits: {memory: 1024Mi}}"
        )
        .is_empty()
    );
    assert!(hunks("storage: {size: 1Ti}", "storage: {size: 1024Gi}").is_empty());
    assert_eq!(hunks("value: 1000m", "value: \"1\"").len(), 1);
    assert_eq!(hunks("resources: {requests: {cpu: 1000m}}", "resources: {requests: {cpu: 2}}").len(), 1);
    let changes = compare(
        &[(FILE, &object("Pod", "x", "limits: {cpu: 1}"))],
        &[(FILE, &object("Pod", "x", "limits: {cpu: 1000m}"))],
    );
    assert_eq!(changes.hidden[0].count, 1, "what means the same is counted");
}

#[test]
fn the_same_tree_has_no_changes() {
    let files = [(FILE, &*object("Pod", "x", "spec: {a: 1}")), ("PLATFORM.md", "# x\n"), ("broken.yaml", "a: [")];
    assert_eq!(compare(&files, &files), Changes::default());
}

#[test]
fn both_directions_mirror_each_other() {
    let a = [
        (FILE, &*object("Pod", "x", "spec: {a: 1, l: [{name: p}]}")),
        ("components/a/base/values/values.yaml", "a: 1\n"),
    ];
    let b = [
        ("components/trino/prod/release/b.yaml", &*object("Pod", "y", "spec: {b: 1}")),
        ("components/a/base/values/values.yaml", "a: 2\n"),
    ];
    let (there, back) = (compare(&a, &b).summary(), compare(&b, &a).summary());
    assert_eq!((there.add, there.change, there.destroy), (back.destroy, back.change, back.add));
    assert_eq!(there, Summary { add: 1, change: 1, destroy: 1 });
}

#[test]
fn a_resource_is_the_same_in_another_file() {
    let (x, y) = (object("Pod", "x", ""), object("Pod", "z", ""));
    let together = format!("{x}---\n{y}");
    let apart = [("components/t/prod/release/x.yaml", &*x), ("components/t/prod/release/z.yaml", &*y)];
    let changes = compare(&[("components/t/prod/release/all.yaml", &together)], &apart);
    assert!(changes.is_empty(), "{changes:#?}");
    let changes = compare(&apart, &[("components/t/prod/config/x.yaml", &x), ("components/t/prod/release/z.yaml", &y)]);
    let change = only(&changes);
    assert_eq!(change.moved_from.as_deref(), Some("components/t/prod/release/x.yaml"));
    assert_eq!(change.risk.as_ref().unwrap().level, Level::Caution);
}

#[test]
fn a_resource_of_the_base_may_move_into_every_target() {
    let claim = object("PersistentVolumeClaim", "x", "spec: {a: 1}");
    let marker = object("Pod", "other", "");
    let base = ("components/t/base/release/x.yaml", &*claim);
    let (dev, prod) = (("components/t/dev/release/x.yaml", &*claim), ("components/t/prod/release/x.yaml", &*claim));
    let others = [("components/t/dev/release/o.yaml", &*marker), ("components/t/prod/release/o.yaml", &*marker)];
    let with = |more: &[(&'static str, &str)]| -> Changes {
        let new: Vec<_> = others.iter().chain(more).copied().collect();
        compare(&[base, others[0], others[1]], &new)
    };
    let everywhere = with(&[(dev.0, dev.1), (prod.0, prod.1)]);
    assert_eq!(everywhere.summary(), Summary { add: 0, change: 2, destroy: 0 });
    let one = with(&[(dev.0, dev.1)]);
    assert_eq!(one.summary(), Summary { add: 1, change: 0, destroy: 1 });
    assert_eq!(one.resources[0].risk.as_ref().unwrap().level, Level::DataLoss);
}

#[test]
fn a_removed_and_added_resource_of_like_content_is_a_rename() {
    let old = object("ConfigMap", "old", "data: {a: '1', b: '2', c: '3', d: '4', self: old}");
    let new = object("ConfigMap", "new", "data: {a: '1', b: '2', c: '3', d: '5', self: new}");
    let other = object("ConfigMap", "new", "data: {a: '1', b: '9', c: '9', d: '9', self: new}");
    let changes = compare(&[(FILE, &old)], &[(FILE, &new)]);
    assert_eq!(changes.summary(), Summary { add: 1, change: 0, destroy: 1 });
    let added = changes.resources.iter().find(|change| change.action == Action::Add).unwrap();
    assert_eq!(added.renamed.as_ref().unwrap().to_string(), "ConfigMap data/old");
    assert!(added.hunks.iter().any(|hunk| hunk.path == "data.d"));
    let changes = compare(&[(FILE, &old)], &[(FILE, &other)]);
    assert!(changes.resources.iter().all(|change| change.renamed.is_none()));
}

#[test]
fn a_patch_that_goes_is_no_removal() {
    let patch = object("PersistentVolumeClaim", "x", "spec: {a: 1}\n");
    let with = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../../base/release]\npatches: [{path: x.yaml}]\n";
    let without = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../../base/release]\n";
    let old = [("components/t/prod/release/kustomization.yaml", with), ("components/t/prod/release/x.yaml", &*patch)];
    let changes = compare(&old, &[("components/t/prod/release/kustomization.yaml", without)]);
    let change = only(&changes);
    assert_eq!(
        (change.action, change.subject.to_string().as_str()),
        (Action::Change, "patch of PersistentVolumeClaim data/x")
    );
    assert_eq!(changes.hidden[0].rule, "kustomization");
    let delete = format!("{patch}$patch: delete\n");
    let changes = compare(&old, &[old[0], (old[1].0, &delete)]);
    assert_eq!(only(&changes).action, Action::Destroy);
    assert_eq!(only(&changes).risk.as_ref().unwrap().level, Level::DataLoss);
}

#[test]
fn a_kustomization_that_does_more_than_name_files_is_shown() {
    let path = "components/t/prod/release/kustomization.yaml";
    let with = |rest: &str| format!("kind: Kustomization\nresources: [a.yaml]\n{rest}");
    let changes = compare(&[(path, &with(""))], &[(path, &with("images: [{name: x, newTag: y}]\n"))]);
    assert_eq!(only(&changes).subject.to_string(), "kustomization t/release");
    let changes = compare(&[(path, &with(""))], &[(path, &with("patches: [{patch: '$patch: delete'}]\n"))]);
    assert_eq!(changes.resources.len(), 1);
    let all = diff(&tree(&[]), &tree(&[(path, &with(""))]), Options { show_hidden: true });
    assert_eq!(all.resources.len(), 1);
    assert!(compare(&[], &[(path, &with(""))]).is_empty());
}

#[test]
fn secret_values_are_compared_and_never_kept() {
    let secret = |value: &str| {
        object("Secret", "s", &format!("stringData: {{password: {value}, bucketName: {value}, user: u}}\n"))
    };
    let shown = |old: &str, new: &str| {
        let changes = compare(&[(FILE, &secret(old))], &[(FILE, &secret(new))]);
        (format!("{changes:?}{}", text::render(&changes, false)), changes.is_empty())
    };
    let (text, _) = shown("canary-one", "canary-two");
    assert!(!text.contains("canary"), "{text}");
    assert!(text.contains("stringData.password: changed (value hidden)"), "{text}");
    assert!(shown("canary", "canary").1);
    assert!(!shown(&format!("{:?}", secrets::HIDDEN), "canary").1, "a value that equals the mask is still compared");
    assert!(!shown("canary", "Canary").1);
    for (old, new) in [(vec![], vec![(FILE, &*secret("canary"))]), (vec![(FILE, &*secret("canary"))], vec![])] {
        let changes = compare(&old, &new);
        assert!(!format!("{changes:?}").contains("canary"));
        assert!(text::render(&changes, false).contains("password: (value hidden)"));
    }
    let broken = format!("{}\n  x: [", secret("canary"));
    let changes = compare(&[], &[(FILE, &broken)]);
    assert!(!format!("{changes:?}").contains("canary"));
    assert!(only(&changes).counts.is_some());
}

#[test]
fn a_resource_that_cannot_be_read_is_not_taken_for_a_removed_one() {
    let claim = object("PersistentVolumeClaim", "x", "spec: {a: 1}\n");
    let changes = compare(&[(FILE, &claim)], &[(FILE, &format!("{claim}broken: ["))]);
    assert_eq!(only(&changes).action, Action::Change);
    assert!(only(&changes).counts.is_some());
}

#[test]
fn huge_texts_are_counted() {
    let line = |c: &str| format!("a: {}\n", c.repeat(8 << 20));
    let changes = compare(&[(FILE, &line("x"))], &[(FILE, &line("y"))]);
    assert_eq!(only(&changes).counts.map(|c| (c.added, c.removed)), Some((1, 1)));
    let lines: Vec<String> = (0..1_000_000).map(|n| format!("  k{n}: v")).collect();
    let forward = object("KafkaTopic", "big", &format!("spec:\n{}\n", lines.join("\n")));
    let backward = object(
        "KafkaTopic",
        "big",
        &format!("spec:\n{}\n", lines.iter().rev().cloned().collect::<Vec<_>>().join("\n")),
    );
    let changes = compare(&[(FILE, &forward)], &[(FILE, &backward)]);
    assert_eq!(only(&changes).subject.to_string(), "KafkaTopic data/big");
    assert_eq!(only(&changes).counts.map(|c| (c.added, c.removed)), Some((0, 0)));
    let text = text::render(&changes, false);
    assert!(text.contains("not compared in detail"), "{text}");
    let claim = forward.replacen("v1", "kafka.strimzi.io/v1", 1);
    let gone = compare(&[(FILE, &claim)], &[]);
    assert_eq!(only(&gone).risk.as_ref().unwrap().level, Level::DataLoss);
}

#[test]
fn many_hunks_are_cut_and_counted() {
    let map = |v: &str| object("Pod", "x", &(0..500).fold("spec:\n".to_owned(), |s, n| s + &format!("  k{n}: {v}\n")));
    let changes = compare(&[(FILE, &map("a"))], &[(FILE, &map("b"))]);
    assert_eq!((only(&changes).hunks.len(), only(&changes).more_hunks), (200, 300));
}

/// Rows of: apiVersion, kind, old content, new content, the level and a word of the reason.
#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn risks_are_read_off_kinds_and_paths() {
    use Level::{Caution, DataLoss, Failure};
    type Row = (&'static str, &'static str, &'static str, Option<&'static str>, Option<(Level, &'static str)>);
    let rows: &[Row] = &[
        ("objectbucket.io/v1alpha1", "ObjectBucketClaim", "", None, Some((DataLoss, "all objects"))),
        ("kafka.strimzi.io/v1beta2", "KafkaTopic", "", None, Some((DataLoss, "records"))),
        ("v1", "ConfigMap", "", None, None),
        ("v1", "PersistentVolumeClaim", "", None, Some((DataLoss, "volume"))),
        ("argoproj.io/v1alpha1", "Application", "spec: {}", None, Some((Caution, "stays"))),
        (
            "argoproj.io/v1alpha1",
            "ApplicationSet",
            "spec: {}",
            None,
            Some((DataLoss, "deletes everything they manage")),
        ),
        (
            "argoproj.io/v1alpha1",
            "ApplicationSet",
            "spec: {syncPolicy: {preserveResourcesOnDeletion: true}}",
            None,
            Some((Caution, "stays")),
        ),
        (
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            "spec: {prune: true}",
            None,
            Some((DataLoss, "Flux deletes")),
        ),
        (
            "kafka.strimzi.io/v1",
            "KafkaTopic",
            "spec: {partitions: 6}",
            Some("spec: {partitions: 3}"),
            Some((Failure, "shrink")),
        ),
        ("kafka.strimzi.io/v1", "KafkaTopic", "spec: {partitions: 3}", Some("spec: {partitions: 6}"), None),
        (
            "postgresql.cnpg.io/v1",
            "Cluster",
            "spec: {storage: {size: 20Gi}}",
            Some("spec: {storage: {size: 10Gi}}"),
            Some((Failure, "shrink")),
        ),
        (
            "postgresql.cnpg.io/v1",
            "Cluster",
            "spec: {storage: {size: 20Gi}}",
            Some("spec: {storage: {size: 30Gi}}"),
            None,
        ),
        (
            "apps/v1",
            "StatefulSet",
            "spec: {serviceName: a}",
            Some("spec: {serviceName: b}"),
            Some((Failure, "serviceName")),
        ),
        ("apps/v1", "StatefulSet", "spec: {replicas: 1}", Some("spec: {replicas: 2}"), None),
        (
            "apps/v1",
            "StatefulSet",
            "spec: {volumeClaimTemplates: [{metadata: {name: d}, a: 1}]}",
            Some("spec: {volumeClaimTemplates: [{metadata: {name: d}, a: 2}]}"),
            Some((Failure, "volumeClaimTemplates")),
        ),
        (
            "apps/v1",
            "Deployment",
            "spec: {selector: {matchLabels: {a: b}}}",
            Some("spec: {selector: {matchLabels: {a: c}}}"),
            Some((Failure, "selector")),
        ),
        ("batch/v1", "Job", "spec: {template: {a: 1}}", Some("spec: {template: {a: 2}}"), Some((Failure, "template"))),
        (
            "v1",
            "PersistentVolumeClaim",
            "spec: {storageClassName: a}",
            Some("spec: {storageClassName: b}"),
            Some((Failure, "storageClassName")),
        ),
        (
            "objectbucket.io/v1alpha1",
            "ObjectBucketClaim",
            "spec: {bucketName: a}",
            Some("spec: {bucketName: b}"),
            Some((Failure, "bucket")),
        ),
        (
            "argoproj.io/v1alpha1",
            "Application",
            "spec: {syncPolicy: {}}",
            Some("spec: {syncPolicy: {automated: {prune: true, selfHeal: true}}}"),
            Some((Caution, "prune")),
        ),
        (
            "v1",
            "Pod",
            "spec: {persistence: {enabled: true}}",
            Some("spec: {persistence: {enabled: false}}"),
            Some((DataLoss, "empty disk")),
        ),
        ("v1", "Pod", "spec: {image: a}", Some("spec: {image: b}"), None),
    ];
    for (version, kind, old, new, expected) in rows {
        let object = |rest: &str| format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n{rest}\n");
        let (old, new) = (object(old), new.map(object));
        let news: Vec<(&str, &str)> = new.iter().map(|new| (FILE, new.as_str())).collect();
        let changes = compare(&[(FILE, &old)], &news);
        let risk = only(&changes).risk.as_ref();
        assert_eq!(risk.map(|r| r.level), expected.map(|(level, _)| level), "{kind} {risk:?}");
        if let (Some(risk), Some((_, word))) = (risk, expected) {
            assert!(risk.reason.contains(word), "{risk:?}");
        }
    }
}

#[test]
fn an_application_that_a_set_no_longer_makes_is_lost() {
    use Level::{Caution, DataLoss};
    let set = |policy: &str, name: &str, finalizers: &str, elements: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: trino}}\nspec:\n  syncPolicy: {{{policy}}}\n  \
             generators: [{{list: {{elements: [{elements}]}}}}]\n  template: {{metadata: {{name: '{name}', finalizers: [{finalizers}]}}}}\n"
        )
    };
    let both = "{target: prod, name: a}, {target: dev, name: b, patch: {metadata: {finalizers: [x]}}}";
    let prod = "{target: prod, name: a}";
    let dev = "{target: dev, name: b, patch: {metadata: {finalizers: [x]}}}";
    let keep = "preserveResourcesOnDeletion: true";
    let rows = [
        ("", "trino-{{ .target }}", "", both, prod, Some((DataLoss, "`trino-dev` is removed: Argo CD deletes"))),
        (
            keep,
            "trino-{{.target}}",
            "",
            both,
            dev,
            Some((Caution, "`trino-prod` is removed: the managed objects stay")),
        ),
        (keep, "{{ .name }}", "", both, prod, Some((DataLoss, "`b` is removed"))),
        (keep, "{{ .name }}", "x", both, dev, Some((DataLoss, "`a` is removed"))),
        (keep, "{{ .name }}", "", both, "", Some((DataLoss, "Application `b` is removed"))),
        (
            "applicationsSync: create-update",
            "{{ .name }}",
            "",
            both,
            "",
            Some((Caution, "`a`, `b` are no longer created")),
        ),
        ("", "{{ index .list 0 }}", "", both, prod, Some((DataLoss, "target: dev"))),
        ("", "{{ .name }}", "", prod, both, None),
        ("", "{{ .name }}", "", "{target: prod, name: a, branch: x}", "{target: prod, name: a, branch: z}", None),
    ];
    for (policy, name, finalizers, old, new, expected) in rows {
        let (old, new) = (set(policy, name, finalizers, old), set(policy, name, finalizers, new));
        for (from, to) in [(&old, &new), (&old, &format!("{new}  ignored: true\n"))] {
            let changes = compare(&[(FILE, from)], &[(FILE, to)]);
            let risk = only(&changes).risk.as_ref();
            assert_eq!(risk.map(|r| r.level), expected.map(|(level, _)| level), "{old}{new}{risk:?}");
            if let (Some(risk), Some((_, words))) = (risk, expected) {
                assert!(risk.reason.contains(words), "{risk:?}");
            }
        }
    }
}

#[test]
fn what_an_annotation_keeps_is_not_lost() {
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: x\n  annotations: {argocd.argoproj.io/sync-options: 'Prune=false,Delete=false'}\n";
    let changes = compare(&[(FILE, claim)], &[]);
    assert_eq!(only(&changes).risk.as_ref().unwrap().level, Level::Caution);
}
