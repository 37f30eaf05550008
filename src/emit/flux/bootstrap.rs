//! What a person applies once: the source of the repository, the root, and Flux itself where an operator keeps it.

use std::sync::Arc;

use super::super::Writer;
use super::super::layout::kustomization;
use super::sources::git_url;
use super::{Flux, duration, go_duration};
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::resolve::flux::{NAMESPACE, is_ssh, root};
use crate::settings::engines::Install;

/// Version of Flux that the facts here are of, and that is installed when `[flux]` names none.
const VERSION: &str = "2.9.4";

/// Release of the Flux Operator that carries [`VERSION`] and none later (its repository, config/data/flux of v0.58.1).
const OPERATOR: &str = "0.58.1";

impl Flux<'_> {
    fn version(&self) -> &str {
        self.settings().version.as_deref().unwrap_or(VERSION).trim_start_matches('v')
    }

    /// Says whether this target's folder is the one that the installation of Flux syncs: one per cluster.
    fn leads(&self) -> bool {
        self.target.shared.is_none()
    }

    /// Writes `bootstrap/<target>/`.
    pub fn bootstrap(&self, writer: &mut Writer) {
        let folder = format!("bootstrap/{}", self.target.name);
        let name = root(self.target);
        let git = &self.target.settings.git;
        let source = self.git_repository(&name, &git.url, &git.branch, self.own_secret());
        let mut files = vec!["source.yaml".to_string(), "root.yaml".to_string()];
        writer.yaml(format!("{folder}/source.yaml"), &source);
        writer.yaml(format!("{folder}/root.yaml"), &self.root_kustomization(&name));
        if self.settings().install == Install::Operator && self.leads() {
            writer.yaml(format!("{folder}/flux.yaml"), &self.flux_instance(&folder));
            files.insert(0, "flux.yaml".into());
        }
        // `flux bootstrap` puts a folder of its own beside these, and reads all files where no kustomization says which.
        if self.settings().install != Install::Bootstrap {
            writer.yaml(format!("{folder}/kustomization.yaml"), &kustomization(files, vec![], vec![]));
        }
        writer.file(format!("{folder}/README.md"), self.readme(&folder));
    }

    fn root_kustomization(&self, name: &str) -> Value {
        let mut spec = Map::default();
        if let Some(shared) = self.platform.shared_of(self.target) {
            // What the cluster's environments share is applied first.
            spec.insert("dependsOn".into(), Value::List(vec![object([("name", Value::from(root(shared)))])]));
        }
        spec.insert("interval".into(), duration(&self.settings().interval));
        spec.insert("retryInterval".into(), duration(&self.settings().retry));
        spec.insert("timeout".into(), duration(&self.settings().timeout));
        spec.insert("path".into(), Value::from(self.in_repository(&format!("flux/{}", self.target.name))));
        spec.insert("sourceRef".into(), object([("kind", Value::from("GitRepository")), ("name", Value::from(name))]));
        spec.insert("prune".into(), Value::Bool(true));
        // The root may be taken away, what it holds stays: nothing is lost by removing one object.
        spec.insert("deletionPolicy".into(), Value::from("Orphan"));
        if let Some(decryption) = self.decryption() {
            spec.insert("decryption".into(), decryption);
        }
        object([
            ("apiVersion", Value::from("kustomize.toolkit.fluxcd.io/v1")),
            ("kind", Value::from("Kustomization")),
            ("metadata", self.metadata(name)),
            ("spec", Value::Map(spec)),
        ])
    }

    /// Returns what the Flux Operator keeps (fluxoperator.dev/docs/crd/fluxinstance, v1).
    fn flux_instance(&self, folder: &str) -> Value {
        let git = &self.target.settings.git;
        let mut sync = Map::from_iter([
            (Arc::from("kind"), Value::from("GitRepository")),
            ("url".into(), Value::from(git_url(&git.url))),
            ("ref".into(), Value::from(format!("refs/heads/{}", git.branch))),
            ("path".into(), Value::from(self.in_repository(folder).trim_start_matches("./"))),
        ]);
        if let Some(secret) = self.own_secret() {
            sync.insert("pullSecret".into(), Value::from(secret));
        }
        let cloud = self.platform.catalogue.clouds.get(&*self.target.ground().cloud);
        let cluster = object([
            ("type", Value::from(cloud.map_or("kubernetes", |cloud| cloud.flux.as_str()))),
            ("domain", Value::from("cluster.local")),
            ("networkPolicy", Value::Bool(true)),
        ]);
        let distribution =
            object([("version", Value::from(self.version())), ("registry", Value::from("ghcr.io/fluxcd"))]);
        let components = Value::from(vec![
            "source-controller",
            "kustomize-controller",
            "helm-controller",
            "notification-controller",
        ]);
        let spec = object([
            ("distribution", distribution),
            ("components", components),
            ("cluster", cluster),
            ("migrateResources", Value::Bool(true)),
            ("wait", Value::Bool(true)),
            ("sync", Value::Map(sync)),
        ]);
        object([
            ("apiVersion", Value::from("fluxcd.controlplane.io/v1")),
            ("kind", Value::from("FluxInstance")),
            // The operator takes no other name.
            ("metadata", object([("name", Value::from("flux")), ("namespace", Value::from(NAMESPACE))])),
            ("spec", spec),
        ])
    }

    /// Writes the commands of the first roll-out.
    fn readme(&self, folder: &str) -> String {
        let git = &self.target.settings.git;
        let (name, version) = (root(self.target), self.version());
        let place = self.in_repository(folder).trim_start_matches("./").to_string();
        let mut text = format!(
            "# First rollout of {} in {}\n\nRun these once, from the root of the repository, with `kubectl` pointing at the cluster.\n",
            self.target.ground().name,
            self.target.name
        );
        if let Some(shared) = self.platform.shared_of(self.target) {
            text.push_str(&format!(
                "\nThe shared part of this cluster comes first: [{0}](../{0}/README.md). Flux is installed there.\n",
                shared.name
            ));
        }
        let mut step = 1;
        let mut add = |what: &str, command: &str| {
            let command: String = command.lines().map(|l| format!("   {l}\n")).collect();
            text.push_str(&format!("\n{step}. {what}\n\n   ```sh\n{command}   ```\n"));
            step += 1;
        };
        let url = git_url(&git.url);
        if self.settings().install == Install::Operator && self.leads() {
            // The operator installs the versions of Flux that its own image carries.
            let (what, pin) = match version {
                VERSION => ("Install the Flux Operator.".to_string(), format!("--version {OPERATOR} ")),
                other => {
                    (format!("Install the Flux Operator, in a release that includes Flux {other}."), String::new())
                }
            };
            add(
                &what,
                &format!(
                    "helm install flux-operator oci://ghcr.io/controlplaneio-fluxcd/charts/flux-operator \\\n  {pin}--namespace {NAMESPACE} --create-namespace --wait"
                ),
            );
        }
        if self.settings().install == Install::Bootstrap && self.leads() {
            add(
                "Install Flux. It commits its own files beside these and syncs this folder; it needs push access once.",
                &format!(
                    "flux bootstrap git --version v{version} \\\n  --url {url} --branch {} --path {place} \\\n  --components source-controller,kustomize-controller,helm-controller,notification-controller{}",
                    git.branch,
                    if is_ssh(&git.url) { "" } else { " \\\n  --token-auth --username <user> --password <token>" }
                ),
            );
        }
        if git.secret.is_some() {
            let credentials =
                if is_ssh(&git.url) { "--private-key-file <key>" } else { "--username <user> --password <token>" };
            let secret = self.own_secret().unwrap_or_default();
            add(
                "Let Flux read the private repository until External Secrets provides the credentials.",
                &format!("flux create secret git {secret} --namespace {NAMESPACE} \\\n  --url {url} {credentials}"),
            );
        }
        if let Some(name) = self.settings().decrypt.as_ref().and_then(|decrypt| decrypt.secret.as_ref()) {
            add(
                "Create the Secret with the key that decrypts the files.",
                &format!("kubectl -n {NAMESPACE} create secret generic {name} --from-file age.agekey=<file>"),
            );
        }
        if self.settings().install == Install::Bootstrap && self.leads() {
            add(
                "Pull what Flux has committed, and watch the platform start.",
                &format!(
                    "git pull\nflux get kustomizations --watch --label-selector lakegen.dev/target={}",
                    self.target.name
                ),
            );
        } else {
            let how = if self.settings().install == Install::Bootstrap {
                format!("kubectl apply --server-side -f {place}/source.yaml -f {place}/root.yaml")
            } else {
                format!("kubectl apply --server-side -k {place}")
            };
            add("Hand over the platform.", &how);
            add(
                "Watch it start.",
                &format!("flux get kustomizations --watch --label-selector lakegen.dev/target={}", self.target.name),
            );
        }
        text.push_str(&format!(
            "\nThen follow the manual steps in [PLATFORM.md](../../PLATFORM.md): a Kustomization waits for those that it depends on, and tries\nagain every {} until each step is done. `flux tree kustomization {name}` shows its objects,\n`flux reconcile kustomization {name} --with-source` syncs it immediately.\n",
            go_duration(&self.settings().retry)
        ));
        if self.settings().webhook.is_some() {
            text.push_str(&format!(
                "\nPush events: publish the Service `webhook-receiver` of `{NAMESPACE}` (port 80), and register the address that\n\
                 `kubectl -n {NAMESPACE} get receiver {name}` shows at the Git server, with the token as its secret.\n"
            ));
        }
        text
    }
}
