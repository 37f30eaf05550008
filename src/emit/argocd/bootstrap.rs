//! `bootstrap/` for Argo CD: the root Application, and the commands of the first roll-out.

use super::{Applications, HERE, namespaces};
use crate::catalog::Stage;
use crate::emit::Writer;
use crate::emit::layout::{Paths, kustomization};
use crate::manifest::value::Value;
use crate::manifest::value::object;
use crate::resolve::{Engine, Instance};
use crate::settings::engines::Bootstrap;

impl Applications<'_> {
    /// Writes what a person applies once: the root Application, and the projects that it needs.
    pub(in crate::emit) fn bootstrap(&self, of: &str, projects: bool, writer: &mut Writer) {
        let folder = format!("bootstrap/{of}");
        let level = self.settings().bootstrap;
        if level == Bootstrap::External {
            return;
        }
        let existing = self.settings().project.as_ref().map(String::from);
        let project = existing.unwrap_or_else(|| self.project_name(&self.target.ground().name));
        let source = object([
            ("repoURL", Value::from(self.target.settings.git.url.as_str())),
            ("targetRevision", Value::from(self.target.settings.git.branch.as_str())),
            ("path", Value::from(self.in_repository(&format!("argocd/{of}")))),
        ]);
        let name = self.project_name(&self.target.ground().name);
        let mut spec = object([
            ("project", Value::from(project)),
            ("source", source),
            ("destination", object([("server", Value::from(HERE)), ("namespace", Value::from(self.namespace()))])),
            (
                "syncPolicy",
                object([
                    ("automated", object([("prune", Value::Bool(true)), ("selfHeal", Value::Bool(true))])),
                    ("retry", self.retry(None)),
                ]),
            ),
        ]);
        if let Some(history) = self.settings().sync.revision_history {
            spec.set(&["revisionHistoryLimit"], Value::from(history));
        }
        let root = object([
            ("apiVersion", Value::from("argoproj.io/v1alpha1")),
            ("kind", Value::from("Application")),
            ("metadata", object([("name", Value::from(name)), ("namespace", Value::from(self.namespace()))])),
            ("spec", spec),
        ]);
        writer.yaml(format!("{folder}/root.yaml"), &root);
        let mut files = vec!["root.yaml".to_string()];
        if projects {
            files.insert(0, format!("../../argocd/{of}/projects"));
        }
        writer.yaml(format!("{folder}/kustomization.yaml"), &kustomization(files, vec![], vec![]));
        writer.file(format!("{folder}/README.md"), self.steps(level, &folder));
    }

    /// Says how environments follow each other, and what Argo CD needs for that
    /// (argo-cd v3.4 docs/operator-manual/applicationset/Progressive-Syncs.md).
    fn rollout(&self) -> String {
        if crate::lower::said::rollout::step(self.platform, self.target).is_none() {
            return ".\n".into();
        }
        let switch = if self.foreign() {
            "Enable them with\n`applicationsetcontroller.enable.progressive.syncs: \"true\"` in `argocd-cmd-params-cm` and restart the controller."
        } else {
            "The component `argocd` has them\nenabled."
        };
        format!(
            ", unless\n`rollout` has a step for each: then one environment follows another once all of its Applications are healthy.\n\n\
             `rollout` uses Argo CD's progressive syncs, which are beta. {switch} Automatic sync of such Applications is off:\n\
             the ApplicationSet controller syncs what differs from git, step by step.\n"
        )
    }

    /// Writes the commands of the first roll-out.
    fn steps(&self, level: Bootstrap, folder: &str) -> String {
        let mut text = format!(
            "# First rollout of {} in {}\n\nRun these once, from the root of the repository, with `kubectl` pointing at the cluster.\n",
            self.target.ground().name,
            self.target.name
        );
        let argocd = self.target.instances.values().find(|i| i.is_engine(Engine::ArgoCd));
        if !self.platform.targets.iter().any(|t| t.instances.values().any(|i| i.is_engine(Engine::ArgoCd))) {
            // argo-cd v3.4 docs/operator-manual/health.md, "Argocd App"
            text.push_str(
                "\nArgo CD itself is not part of this platform. One Application waits for another only where Argo CD has a health check\n\
                 for `argoproj.io/Application` in `argocd-cm`; the component `argocd` would bring one that also asks whether the last\n\
                 sync succeeded.\n",
            );
        }
        if self.in_sets() {
            // argo-cd v3.4 resource_customizations/argoproj.io/ApplicationSet/health.lua
            text.push_str(
                "\nThe Applications come from ApplicationSets. One ApplicationSet waits for another only where Argo CD has a health check\n\
                 for `argoproj.io/ApplicationSet` that asks what became of its Applications, as the component `argocd` has; within an\n\
                 ApplicationSet all targets come at the same time",
            );
            text.push_str(&self.rollout());
        }
        let mut step = 1;
        let mut add = |what: &str, command: &str| {
            text.push_str(&format!(
                "\n{step}. {what}\n\n   ```sh\n{}   ```\n",
                command.lines().map(|l| format!("   {l}\n")).collect::<String>()
            ));
            step += 1;
        };
        if let (Some(argocd), Bootstrap::Full) = (argocd, level)
            && let Some(chart) = &argocd.chart
        {
            if let Some(path) = self
                .paths
                .get(&(self.target.name.clone(), namespaces::UNIT.into()))
                .and_then(|p| p.stages.get(&Stage::Release))
            {
                add("Create the namespaces.", &format!("kubectl apply -k {}", self.in_repository(path)));
            }
            let none = Paths::default();
            let values = &self.paths.get(&(self.target.name.clone(), argocd.name.clone())).unwrap_or(&none).values;
            let files: String = values.iter().map(|v| format!(" \\\n  --values {}", self.in_repository(v))).collect();
            // Monitors need CRDs that this very Argo CD installs later, so the first install goes without them.
            let command = if chart.is_oci() {
                format!(
                    "helm upgrade --install {} {}/{} --version {} --namespace {}{files} \\\n  --set-json '{}'",
                    argocd.release,
                    chart.repository,
                    chart.name,
                    chart.version,
                    argocd.namespace,
                    quiet(argocd)
                )
            } else {
                format!(
                    "helm upgrade --install {} {} --repo {} --version {} --namespace {}{files} \\\n  --set-json '{}'",
                    argocd.release,
                    chart.name,
                    chart.repository,
                    chart.version,
                    argocd.namespace,
                    quiet(argocd)
                )
            };
            add("Install Argo CD; from then on it manages itself.", &command);
        }
        if self.target.settings.git.secret.is_some() {
            // The name is that of the Secret that External Secrets takes over later, so that there is only one.
            let namespace = self.namespace();
            let command = format!(
                "read -rsp 'token: ' token && printf %s \"$token\" | kubectl create secret generic repository-platform \\\n  --namespace {namespace} --from-literal=type=git --from-literal=url={} \\\n  --from-literal=username=<user> --from-file=password=/dev/stdin\nkubectl label secret repository-platform --namespace {namespace} argocd.argoproj.io/secret-type=repository",
                self.target.settings.git.url
            );
            add("Let Argo CD read the private repository until External Secrets provides the credentials.", &command);
        }
        add("Hand over the platform.", &format!("kubectl apply --server-side -k {}", self.in_repository(folder)));
        text.push_str(&format!("\nThen follow the manual steps in [PLATFORM.md](../../PLATFORM.md): Argo CD waits, wave by wave, until each is done.\nWatch it start: `kubectl -n {} get applications --watch`.\n", self.namespace()));
        text
    }
}

/// Returns the values that switch every monitor of a chart off, as JSON for `--set-json`.
fn quiet(instance: &Instance) -> String {
    let off = instance.definition.metrics_values.keys().filter(|path| path.ends_with("serviceMonitor.enabled"));
    off.map(|path| format!("{path}=false")).collect::<Vec<_>>().join(",")
}
