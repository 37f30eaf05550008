//! What people set up in the secret store so that External Secrets may read it, and write what the cluster makes.
//!
//! A store that runs in the platform says this by its own notes; here it is said of one outside.
//!
//! Facts: external-secrets.io v2.9 (provider/hashicorp-vault, "Kubernetes authentication" and "PushSecret"; provider/aws-secrets-manager,
//! "IAM Policy"; provider/aws-parameter-store; provider/google-secrets-manager; provider/azure-key-vault).

use super::generated;
use crate::lower::{Lowering, TargetManifests};
use crate::manifest::value::Value;

/// Adds the steps of the target that makes the store.
pub fn add(lowering: &Lowering<'_>, out: &mut TargetManifests) {
    let store = &lowering.target.store;
    let mut objects = out.units.values().flat_map(|unit| unit.stages.values().flatten());
    let made = objects.find(|l| l.object.kind() == "ClusterSecretStore" && l.object.name() == store.name);
    let Some(provider) = made.and_then(|l| l.object.value().at(&["spec", "provider"])).cloned() else { return };
    let writes = generated::is_on(lowering);
    let outside = store.component.is_none();
    let steps = match store.provider.as_str() {
        "vault" => vault(&provider, outside, writes, store.namespaced),
        "aws" if outside => aws(&provider, writes),
        "gcp" if outside => {
            vec![role(if writes { "roles/secretmanager.admin" } else { "roles/secretmanager.secretAccessor" })]
        }
        "azure" if outside => vec![role(if writes { "Key Vault Secrets Officer" } else { "Key Vault Secrets User" })],
        _ => vec![],
    };
    out.steps.extend(steps.into_iter().map(|step| ("secrets".to_string(), step)));
}

fn role(name: &str) -> String {
    format!("Give the identity of External Secrets the role `{name}` on the secrets of the platform.")
}

fn vault(provider: &Value, outside: bool, writes: bool, namespaced: bool) -> Vec<String> {
    let text = |path: &[&str]| provider.at(&[&["vault"], path].concat()).and_then(Value::as_str);
    let mount = text(&["path"]).unwrap_or("kv");
    let name = text(&["auth", "kubernetes", "role"]).unwrap_or("external-secrets");
    let (read, write) = (r#""read""#, r#""create", "read", "update""#);
    let (data, metadata) = if writes { (write, write) } else { (read, r#""read", "list""#) };
    let paths = if text(&["version"]) == Some("v1") {
        format!("path \"{mount}/*\" {{ capabilities = [{data}] }}")
    } else {
        format!(
            "path \"{mount}/data/*\" {{ capabilities = [{data}] }}\\npath \"{mount}/metadata/*\" {{ capabilities = [{metadata}] }}"
        )
    };
    let policy = format!("`printf '{paths}' | vault policy write {name} -`");
    if !outside {
        let step = format!("The cluster writes passwords into Vault, so the policy allows more: {policy}.");
        return if writes { vec![step] } else { vec![] };
    }
    let mut steps = vec![format!("Allow External Secrets in Vault what it does with `{mount}`: {policy}.")];
    if text(&["auth", "kubernetes", "role"]).is_some() {
        let auth = text(&["auth", "kubernetes", "mountPath"]).unwrap_or("kubernetes");
        let account = |key: &str| text(&["auth", "kubernetes", "serviceAccountRef", key]);
        let (accounts, namespaces) = if namespaced {
            (super::stores::ACCOUNT, "'*'")
        } else {
            (account("name").unwrap_or_default(), account("namespace").unwrap_or_default())
        };
        steps.push(format!(
            "Let External Secrets log in to Vault with its ServiceAccount, where the auth method `{auth}` knows this cluster: `vault write auth/{auth}/role/{name} bound_service_account_names={accounts} bound_service_account_namespaces={namespaces} policies={name} ttl=1h`."
        ));
    }
    steps
}

fn aws(provider: &Value, writes: bool) -> Vec<String> {
    let parameters = provider.at(&["aws", "service"]).and_then(Value::as_str) == Some("ParameterStore");
    let (read, write): (&[&str], &[&str]) = if parameters {
        (
            &["ssm:GetParameter", "ssm:GetParameters", "ssm:DescribeParameters"],
            &["ssm:PutParameter", "ssm:AddTagsToResource", "ssm:ListTagsForResource"],
        )
    } else {
        (
            &["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
            &["secretsmanager:CreateSecret", "secretsmanager:PutSecretValue", "secretsmanager:TagResource"],
        )
    };
    let actions = read.iter().chain(write.iter().filter(|_| writes)).map(|action| format!("`{action}`"));
    let actions = actions.collect::<Vec<_>>().join(", ");
    vec![format!("Give the identity of External Secrets the actions {actions} on the secrets of the platform.")]
}
