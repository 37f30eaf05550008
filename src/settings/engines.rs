//! `[argocd]`, `[flux]`, `sync` and `[notify]`.

use indexmap::IndexMap;

use super::{DURATION, ITEM, NAME, Text, URL, VERSION};
use crate::parse::shape::{COUNT, Shape, TEXT, free_map, list, texts, words};
use crate::parse::text::Format;

words! {
    /// One Application per unit and target, or ApplicationSets.
    Form {
        Application = "application",
        ApplicationSet = "applicationset",
    }
}

words! {
    /// What `bootstrap/` holds for Argo CD.
    Bootstrap {
        Full = "full",
        Root = "root",
        External = "external",
    }
}

words! {
    /// How Flux gets onto a cluster.
    Install {
        Bootstrap = "bootstrap",
        Operator = "operator",
        Existing = "existing",
    }
}

words! {
    /// Where notifications go.
    NotifyKind {
        Slack = "slack",
        Teams = "teams",
        Webhook = "webhook",
        Github = "github",
        Email = "email",
    }
}

words! {
    /// What people are told of.
    Event {
        Failed = "failed",
        Degraded = "degraded",
        Deployed = "deployed",
    }
}

table! {
    /// `sync.retry`.
    Retry "`retry`" {
        limit: Option<i64> [Shape::Int { min: -1, max: 1000 }], "How often a failed sync is retried; -1 for no limit \
        (default 10)";
        delay: Option<Text> [DURATION], "Delay before the first retry (default 15s)";
        factor: Option<i64> [Shape::Int { min: 1, max: 10 }], "Factor by which the delay grows (default 2)";
        max_delay: Option<Text> [DURATION], "Longest delay (default 5m)";
    }
}

table! {
    /// An entry of `sync.ignore`.
    Ignore "`ignore`" {
        group: Option<Text> [TEXT], "API group";
        kind: Option<Text> [TEXT], "Kind";
        name: Option<Text> [TEXT], "Name";
        pointers: Vec<Text> [list(Shape::Text(Format::Pointer))], "JSON pointers: `/spec/replicas`";
        jq: Vec<Text> [list(TEXT)], "jq path expressions";
    }
}

table! {
    /// `sync`: how the engine syncs a component. What a component leaves open its project says, then the platform.
    Sync "`sync`" {
        automated: Option<bool> [Shape::Bool], "Whether changes in git are applied automatically (default true)";
        prune: Option<bool> [Shape::Bool], "Whether objects removed from git are deleted (default true; never data)";
        self_heal: Option<bool> [Shape::Bool], "Whether changes made in the cluster are reverted (default true)";
        server_side: Option<bool> [Shape::Bool], "Server-side apply for the whole component";
        cascade: Option<bool> [Shape::Bool],
            "Whether removing the component deletes its objects (default true unless it holds data)";
        retry: Option<Retry> [Retry::shape()], "Retries of a failed sync";
        options: Option<Vec<Text>> [list(TEXT)], "Further Argo CD sync options, in Argo CD's syntax";
        ignore: Option<Vec<Ignore>> [list(Ignore::shape())], "Fields that other controllers change";
        revision_history: Option<i64> [COUNT], "Number of old syncs to keep";
    }
}

impl Sync {
    /// Returns these settings with those of `below` where nothing is said.
    #[must_use]
    pub fn or(&self, below: &Self) -> Self {
        Self {
            automated: self.automated.or(below.automated),
            prune: self.prune.or(below.prune),
            self_heal: self.self_heal.or(below.self_heal),
            server_side: self.server_side.or(below.server_side),
            cascade: self.cascade.or(below.cascade),
            retry: self.retry.clone().or_else(|| below.retry.clone()),
            options: self.options.clone().or_else(|| below.options.clone()),
            ignore: self.ignore.clone().or_else(|| below.ignore.clone()),
            revision_history: self.revision_history.or(below.revision_history),
            places: self.places.clone(),
        }
    }
}

table! {
    /// `[argocd]`.
    ArgoCd "`[argocd]`" {
        namespace: Option<Text> [NAME], "Namespace of Argo CD (default: that of its component, else `argocd`)";
        project: Option<Text> [NAME], "An existing project for all Applications";
        @each names: Option<Text> [TEXT], "Name of each Application; can use `${component.name}`, which is also the \
        default";
        hub: bool [Shape::Bool] = false, "One Argo CD for all clusters instead of one on each";
        form: Form [words(Form::WORDS)] = "application", "Individual Applications, or ApplicationSets";
        rollout: Vec<Text> [list(NAME)],
            "Environments in the order in which ApplicationSets sync them, each once the previous one is healthy \
            (Argo CD's progressive syncs, a beta feature)";
        bootstrap: Bootstrap [words(Bootstrap::WORDS)] = "full", "Contents of `bootstrap/`";
        sync: Sync [Sync::shape()], "Defaults of `sync`, also for units of lakegen's own, such as `namespaces`";
    }
}

table! {
    /// `flux.decrypt`.
    Decrypt "`decrypt`" {
        secret: Option<Text> [NAME],
            "Secret with the keys, created by hand in Flux's namespace (default: the controller's own cloud identity)";
    }
}

table! {
    /// `flux.webhook`.
    Webhook "`webhook`" {
        kind: Text [words(&[
            "github", "gitlab", "bitbucket", "generic", "generic-hmac", "harbor", "dockerhub", "quay", "nexus", "acr",
        ])] = "github", "Sender of the events";
        secret: Option<Text> [ITEM], "Item with the token that signs the events";
        existing: Option<Text> [NAME],
            "Secret with the key `token`, created by hand in Flux's namespace, instead of `secret`";
    }
}

table! {
    /// `[flux]`.
    Flux "`[flux]`" {
        install: Install [words(Install::WORDS)] = "bootstrap", "How Flux is installed";
        version: Option<Text> [VERSION], "Flux version";
        interval: Text [DURATION] = "10m", "How often Flux checks for changes";
        retry: Text [DURATION] = "1m", "Delay before a retry";
        timeout: Text [DURATION] = "15m", "How long Flux waits for a unit to become ready";
        substitute: IndexMap<String, Text> [free_map(ITEM)],
            "Name → item: `${name}` is substituted in the cluster, where anybody who can read the object sees the \
            value";
        decrypt: Option<Decrypt> [Decrypt::shape()], "Decryption of SOPS-encrypted files";
        webhook: Option<Webhook> [Webhook::shape()], "Receiver of push events";
    }
}

table! {
    /// An entry of `[notify]`.
    Notify "a notification" {
        kind: NotifyKind [words(NotifyKind::WORDS)] = "webhook", "Service that receives it";
        channel: Option<Text> [TEXT], "Channel or address";
        url: Option<Text> [URL], "URL of a webhook";
        secret: Option<Text> [ITEM], "Item with the token";
        on: Vec<Event> [list(words(Event::WORDS))] = vec!["failed", "degraded"], "Events";
        members: Vec<Text> [texts(Format::Glob)], "Components it covers (default: all)";
    }
}
