//! Secrets that people keep in files of the repository: sealed ones, and ones that SOPS encrypted (`secrets.files`).
//!
//! Each file is checked against what its reader wants, names and keys, and goes with the component that reads it. Nothing
//! is decrypted here.
//!
//! Facts: github.com/bitnami-labs/sealed-secrets (README; SealedSecret v1alpha1, `spec.encryptedData`); getsops.io/docs (file format, `sops` member);
//! fluxcd.io/flux/components/kustomize/kustomizations, "Decryption".

use std::collections::BTreeSet;

use super::kept::Kept;
use crate::catalog::Stage;
use crate::catalog::store::Keeper;
use crate::diag::{Diagnostic, Span, quoted_list};
use crate::lower::{ComponentManifests, KEPT_SECRET, Lowered, Lowering, TargetManifests, take};
use crate::manifest::object::Object;
use crate::manifest::value::Value;
use crate::parse::INVALID_VALUE;
use crate::resolve::{Engine, Target};
use crate::settings::secrets::Secrets as SecretSettings;

/// Takes in the files, and reports what is missing or does not fit.
pub fn add(lowering: &Lowering<'_>, out: &mut TargetManifests, found: &mut Vec<Diagnostic>) {
    let settings = &lowering.target.settings.secrets;
    let Some(files) = &settings.files else { return };
    // A folder that the store of this target does not heed was reported, or is another target's.
    let Some(kind) = lowering.target.store.definition.as_ref().filter(|kind| kind.in_files()) else { return };
    if kind.kept == Keeper::Encrypted {
        decryption(lowering, settings, files.at, found);
    }
    let mut there: BTreeSet<(String, String)> = BTreeSet::new();
    for (path, source, text) in lowering.files.get(files) {
        if of_another(lowering, files, path) {
            continue;
        }
        let documents = match crate::manifest::yaml::read(text) {
            Ok(documents) => documents,
            Err(error) => {
                let at = crate::lower::objects::own::line_of(text, source, error.line);
                let message = format!("`{path}` is not valid YAML: {}", error.message);
                found.push(Diagnostic::error(&crate::lower::BAD_OBJECT, message).at(at, "").at(files.at, "used here"));
                continue;
            }
        };
        for document in documents {
            let at = crate::lower::objects::own::line_of(text, source, document.line);
            let origin =
                crate::lower::Origin { file: path.into(), line: document.line, span: files.at, template: Some(at) };
            let mut lowered = Vec::new();
            take(document.value, &origin, &mut lowered, found);
            for one in lowered {
                if let Some(id) = place(lowering, one, at, settings, out, found) {
                    there.insert(id);
                }
            }
        }
    }
    out.kept.retain(|id, _| !there.contains(id));
    for ((namespace, name), kept) in &out.kept {
        let who = kept.readers.first().map(|r| format!(", which `{r}` reads")).unwrap_or_default();
        let several = lowering.platform.targets.len() > 1;
        let place = if several { format!(" of `{}`", lowering.target.name) } else { String::new() };
        let message = format!("no file in `{files}` contains Secret `{namespace}/{name}`{place}{who}");
        let wanted = quoted_list(kept.keys.keys().map(String::as_str), "and");
        let help = "`lakegen secrets --format commands` prints commands that create the missing files";
        let missing = Diagnostic::error(&KEPT_SECRET, message).at(files.at, "");
        found.push(missing.note(format!("its keys are {wanted}")).help(help));
    }
}

/// Says whether a file is another environment's: `<environment>.<namespace>.<name>.yaml`, as `lakegen secrets` writes it, or a
/// folder of that name.
fn of_another(lowering: &Lowering<'_>, folder: &str, path: &str) -> bool {
    let inside = path.strip_prefix(folder.trim_start_matches("./").trim_end_matches('/')).unwrap_or(path);
    let mut parts = inside.split('/').rev();
    let named = parts.next().filter(|name| name.matches('.').count() >= 3).and_then(|name| name.split('.').next());
    let mut owners = parts.chain(named);
    let known = |name: &str| lowering.platform.targets.iter().any(|target| target.name == name);
    owners.any(|name| name != lowering.target.name && known(name))
}

/// Reports engines that could not decrypt.
fn decryption(lowering: &Lowering<'_>, secrets: &SecretSettings, at: Span, found: &mut Vec<Diagnostic>) {
    let flux = lowering.platform.engine == Engine::Flux;
    let set = lowering.target.settings.flux.decrypt.is_some();
    let stores = lowering.platform.catalogue.stores.values();
    let plain: Vec<String> = stores
        .filter(|kind| kind.kept == Keeper::Files)
        .map(|kind| format!("`provider = \"{}\"`, ", kind.name))
        .collect();
    let other = format!("use {}a secret store, or `engine = \"flux\"`", plain.concat());
    let (message, help) = match (flux, set) {
        (false, _) => ("Argo CD cannot decrypt SOPS files", other.as_str()),
        (true, false) => {
            ("Flux has no key to decrypt SOPS files", "add `decrypt = { secret = \"sops-keys\" }` under `[flux]`")
        }
        (true, true) => return,
    };
    let at = if secrets.places.has("provider") { secrets.provider.at } else { at };
    found.push(Diagnostic::error(&INVALID_VALUE, message).at(at, "").help(help));
}

/// Checks one object and gives it to its reader. Returns its namespace and name when it is a Secret in some form.
fn place(
    lowering: &Lowering<'_>,
    lowered: Lowered,
    at: Span,
    settings: &SecretSettings,
    out: &mut TargetManifests,
    found: &mut Vec<Diagnostic>,
) -> Option<(String, String)> {
    let object = &lowered.object;
    let id = (object.namespace().to_string(), object.name().to_string());
    let keys: Vec<&str> = match object.kind() {
        "SealedSecret" => members(object, &["spec", "encryptedData"]),
        "Secret" => {
            encrypted(object, at, settings, found)?;
            [members(object, &["data"]), members(object, &["stringData"])].concat()
        }
        kind => {
            let message = format!("`{kind}/{}` is not a SealedSecret or an encrypted Secret", object.name());
            let help = "the folder is for SealedSecrets and SOPS-encrypted Secrets; put other manifests under a \
            component's `manifests`";
            found.push(Diagnostic::error(&KEPT_SECRET, message).at(at, "").help(help));
            return None;
        }
    };
    let reader = out.kept.get(&id).and_then(|kept| kept.readers.first().cloned());
    if let Some(kept) = out.kept.get(&id) {
        let missing: Vec<&str> = kept.keys.keys().map(String::as_str).filter(|key| !keys.contains(key)).collect();
        if !missing.is_empty() {
            let lacks = quoted_list(missing, "and");
            let reader = reader.as_deref().unwrap_or("its reader");
            let message = format!("Secret `{}/{}` has no {lacks}, which `{reader}` reads", id.0, id.1);
            let note = format!("its keys are {}", quoted_list(keys, "and"));
            found.push(Diagnostic::error(&KEPT_SECRET, message).at(at, "").note(note));
        }
        marked(object, kept, at, found);
    }
    // One that nobody is known to read is somebody's own: it goes with whoever lives there.
    let near = |target: &Target| target.instances.values().find(|i| i.namespace == id.0).map(|i| i.name.clone());
    let Some(owner) = reader.or_else(|| near(lowering.target)) else {
        // It may be another environment's; what is nobody's is said once.
        let targets = &lowering.platform.targets;
        let files = |target: &Target| target.settings.secrets.files.clone();
        let last = targets[lowering.index + 1..].iter().all(|later| files(later) != files(lowering.target));
        if last && !targets.iter().any(|target| near(target).is_some()) {
            let message = format!("no component is in namespace `{}`, so Secret `{}` is left out", id.0, id.1);
            found.push(Diagnostic::warning(&KEPT_SECRET, message).at(at, ""));
        }
        return Some(id);
    };
    if !out.components.contains_key(&owner) {
        out.components.insert(owner.clone(), ComponentManifests::default());
    }
    if let Some(unit) = out.components.get_mut(&owner) {
        unit.stages.entry(Stage::Prepare).or_default().push(lowered);
    }
    Some(id)
}

/// Checks what the Secret must say of itself: who looks for a label does not find it without.
fn marked(object: &Object, kept: &Kept, at: Span, found: &mut Vec<Diagnostic>) {
    let sealed = object.kind() == "SealedSecret";
    let template: &[&str] = if sealed { &["spec", "template"] } else { &[] };
    for (what, wanted) in [("labels", &kept.labels), ("annotations", &kept.annotations)] {
        let has = object.value().at(&[template, &["metadata", what]].concat());
        let is = |key: &str, text: &str| has.and_then(|map| map.get(key)).and_then(Value::as_str) == Some(text);
        let missing = wanted.iter().filter(|(key, text)| !is(key, text)).map(|(key, text)| format!("{key}: {text:?}"));
        let missing: Vec<String> = missing.collect();
        if missing.is_empty() {
            continue;
        }
        let place: String = template.iter().map(|part| format!("{part}.")).collect();
        let message = format!("Secret `{}/{}` is missing {what}", object.namespace(), object.name());
        let help = format!("add under `{place}metadata.{what}`:\n{}", missing.join("\n"));
        found.push(Diagnostic::error(&KEPT_SECRET, message).at(at, "").help(help));
    }
}

fn members<'o>(object: &'o Object, path: &[&str]) -> Vec<&'o str> {
    let map = object.value().at(path).and_then(Value::as_map);
    map.into_iter().flatten().map(|(key, _)| &**key).collect()
}

/// Checks that SOPS encrypted every value of a Secret, for everybody that the platform names.
fn encrypted(object: &Object, at: Span, settings: &SecretSettings, found: &mut Vec<Diagnostic>) -> Option<()> {
    if !is_encrypted(object.value()) {
        let message = format!("Secret `{}` is not encrypted", object.name());
        let help = "encrypt it: `sops encrypt --in-place --encrypted-regex '^(data|stringData)$' <file>`";
        let note = "if it was ever committed, rotate it";
        found.push(Diagnostic::error(&KEPT_SECRET, message).hidden().at(at, "").help(help).note(note));
        return None;
    }
    for (kind, wanted) in settings.sops.recipients() {
        let named = if kind == "vault" { "hc_vault" } else { kind };
        let list = object.value().at(&["sops", named]).and_then(Value::as_list).unwrap_or(&[]);
        let has = |who: &str| list.iter().any(|entry| recipient(kind, entry).as_deref() == Some(who));
        for who in wanted.iter().filter(|who| !has(who)) {
            let message = format!("Secret `{}` is not encrypted for `{who}`", object.name());
            let help = "run `sops updatekeys` on the file, with that recipient in `.sops.yaml`";
            found.push(Diagnostic::error(&KEPT_SECRET, message).at(at, "").help(help));
        }
    }
    Some(())
}

/// Returns whom an entry of a file's `sops` names, as `.sops.yaml` would (SOPS 3.11, `stores/stores.go`).
fn recipient(kind: &str, entry: &Value) -> Option<String> {
    let text = |member: &str| entry.get(member).and_then(Value::as_str);
    Some(match kind {
        "age" => text("recipient")?.into(),
        "pgp" => text("fp")?.into(),
        "kms" => text("arn")?.into(),
        "gcp_kms" => text("resource_id")?.into(),
        "azure_kv" => format!("{}/keys/{}/{}", text("vault_url")?, text("name")?, text("version")?),
        _ => format!("{}/v1/{}/keys/{}", text("vault_address")?, text("engine_path")?, text("key_name")?),
    })
}

/// Says whether a Secret is one that SOPS encrypted: it says so, and every value is a ciphertext.
pub fn is_encrypted(value: &Value) -> bool {
    let values = ["data", "stringData"].into_iter().filter_map(|key| value.get(key)?.as_map());
    let mut texts = values.flat_map(|map| map.iter().map(|(_, v)| v));
    value.at(&["sops", "mac"]).is_some() && texts.all(|v| v.as_str().is_some_and(|s| s.starts_with("ENC[")))
}
