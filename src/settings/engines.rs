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
        limit: Option<i64> [Shape::Int { min: -1, max: 1000 }], "How often a failed sync is tried again; -1 for ever (default 10)";
        delay: Option<Text> [DURATION], "First delay (default 15s)";
        factor: Option<i64> [Shape::Int { min: 1, max: 10 }], "Growth of the delay (default 2)";
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
        automated: Option<bool> [Shape::Bool], "Whether changes in git are applied by themselves (default true)";
        prune: Option<bool> [Shape::Bool], "Whether objects that left git are removed (default true; never data)";
        self_heal: Option<bool> [Shape::Bool], "Whether changes in the cluster are undone (default true)";
        server_side: Option<bool> [Shape::Bool], "Server-side apply for the whole component";
        cascade: Option<bool> [Shape::Bool],
            "Whether removing the component removes its objects (default true unless it holds data)";
        retry: Option<Retry> [Retry::shape()], "Retries of a failed sync";
        options: Option<Vec<Text>> [list(TEXT)], "Further sync options of Argo CD, as written there";
        ignore: Option<Vec<Ignore>> [list(Ignore::shape())], "Fields that others change";
        revision_history: Option<i64> [COUNT], "How many old syncs are kept";
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
        namespace: Option<Text> [NAME], "Namespace of Argo CD (default: where its component lives, else `argocd`)";
        project: Option<Text> [NAME], "An existing project for all Applications";
        @each names: Option<Text> [TEXT], "Name of an Application; may use `${component.name}` (default: just that)";
        hub: bool [Shape::Bool] = false, "One Argo CD for all clusters instead of one on each";
        form: Form [words(Form::WORDS)] = "application", "Applications one by one, or ApplicationSets";
        rollout: Vec<Text> [list(NAME)],
            "Environments in the order in which ApplicationSets sync them, each once the one before is healthy (Argo CD's progressive syncs, which are beta)";
        bootstrap: Bootstrap [words(Bootstrap::WORDS)] = "full", "What `bootstrap/` holds";
        sync: Sync [Sync::shape()], "Defaults of `sync`; units of lakegen's own, such as `namespaces`, take them too";
    }
}

table! {
    /// `flux.decrypt`.
    Decrypt "`decrypt`" {
        secret: Option<Text> [NAME],
            "Secret with the keys in Flux's namespace, made by hand; left out: the controller's own cloud identity";
    }
}

table! {
    /// `flux.webhook`.
    Webhook "`webhook`" {
        kind: Text [words(&[
            "github", "gitlab", "bitbucket", "generic", "generic-hmac", "harbor", "dockerhub", "quay", "nexus", "acr",
        ])] = "github", "Who sends the events";
        secret: Option<Text> [ITEM], "Item with the token that the sender signs with";
        existing: Option<Text> [NAME],
            "Secret with the key `token` in Flux's namespace, made by hand, instead of `secret`";
    }
}

table! {
    /// `[flux]`.
    Flux "`[flux]`" {
        install: Install [words(Install::WORDS)] = "bootstrap", "How Flux gets there";
        version: Option<Text> [VERSION], "Version of Flux";
        interval: Text [DURATION] = "10m", "How often it looks";
        retry: Text [DURATION] = "1m", "How soon it tries again";
        timeout: Text [DURATION] = "15m", "How long it waits for a unit";
        substitute: IndexMap<String, Text> [free_map(ITEM)],
            "Name → item: `${name}` is replaced in the cluster, where everybody who may read the object sees the value";
        decrypt: Option<Decrypt> [Decrypt::shape()], "Decryption of files encrypted with SOPS";
        webhook: Option<Webhook> [Webhook::shape()], "Receiver of push events";
    }
}

table! {
    /// An entry of `[notify]`.
    Notify "a notification" {
        kind: NotifyKind [words(NotifyKind::WORDS)] = "webhook", "Where it goes";
        channel: Option<Text> [TEXT], "Channel or address";
        url: Option<Text> [URL], "Address of a webhook";
        secret: Option<Text> [ITEM], "Item with the token";
        on: Vec<Event> [list(words(Event::WORDS))] = vec!["failed", "degraded"], "Events";
        members: Vec<Text> [texts(Format::Glob)], "Components that it is about (default: all)";
    }
}
