//! All tables of one target, filled in.

use indexmap::IndexMap;

use super::engines::{ArgoCd, Flux, Notify};
use super::group::{Namespace, Placement, Project};
use super::platform::{Git, Ground, Images, Repository};
use super::policy::Policy;
use super::publish::{BucketTable, EdgeTable};
use super::secrets::Secrets;
use super::text::Text;
use crate::diag::Span;
use crate::parse::Node;
use crate::parse::shape::{Shape, free_map, map};
use crate::parse::text::Format;

table! {
    /// Everything that a target's layers say, but for its components and jobs, which have tables of their own.
    Settings "platform.toml" {
        platform: Ground [Ground::shape()], "Name and basic settings of the platform";
        @late vars: Option<Node> [free_map(super::variable())], "Values for `${vars.…}`";
        git: Git [Git::shape()], "The repository that the engine reads";
        argocd: ArgoCd [ArgoCd::shape()], "Settings of Argo CD";
        flux: Flux [Flux::shape()], "Settings of Flux";
        secrets: Secrets [Secrets::shape()], "Where secrets come from";
        repositories: IndexMap<String, Repository> [map(Repository::shape())], "Other Git, Helm and OCI sources";
        edges: IndexMap<String, EdgeTable> [map(EdgeTable::shape())], "Ways to publish hosts";
        placements: IndexMap<String, Placement> [map(Placement::shape())], "Where pods run";
        @late defaults: Option<Node> [free_map(Shape::Any)],
            "Value of a common key or optional slot for every component that takes it";
        namespaces: IndexMap<String, Namespace> [map(Namespace::shape())], "Namespaces and their members";
        projects: IndexMap<String, Project> [map(Project::shape())], "Argo CD projects";
        buckets: IndexMap<String, BucketTable> [map(BucketTable::shape())], "Object store buckets";
        @late external: Option<Node> [map(free_map(Shape::Any))], "Systems outside the platform";
        versions: IndexMap<String, Text> [Shape::Map(Format::Name, super::VERSION.into())],
            "Chart version per catalogue component";
        images: Images [Images::shape()], "Registry rewrites and pins";
        @late components: Option<Node> [map(Shape::Component)], "The components; the key is the name of the instance";
        @late jobs: Option<Node> [map(Shape::Job)], "Jobs";
        notify: IndexMap<String, Notify> [map(Notify::shape())], "Notifications about syncs";
        policy: Policy [Policy::keys(&[]).shape()], "Levels of the rules and other warnings, and exceptions";
    }
}

impl Settings {
    /// Returns where `[defaults]` says something of a key.
    pub fn default_at(&self, key: &str) -> Option<Span> {
        self.defaults.as_ref()?.as_table()?.get(key).map(|entry| entry.node.span)
    }
}
