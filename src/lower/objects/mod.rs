//! Objects beside those of templates, and what every object gets.

pub mod certificates; // of edges and routes
pub mod demand; //     templates of jobs that somebody starts
pub mod dress; //      namespace, labels and protection of every object
pub mod edges; //      what edges need: once each, and for each route
pub mod externals; //  Services in front of what runs elsewhere
pub mod features; //   monitors, rules, dashboards, policies
pub mod namespaces; // namespaces and quotas
pub mod own; //        the user's own manifests and patches
pub mod patched; //    what patches are for
pub mod pointer; //    jq paths as JSON pointers
pub mod repeat; //     Jobs that are done again on a schedule
pub mod folder; //     folders that the engine reads by itself
pub mod scopes; //     which kinds live in namespaces
pub mod share; //      what targets have in common, once in memory
pub mod substituted; // what Flux replaces in the cluster, and `$` protected
pub mod sync; //       what `sync` says, and how an object is applied
pub mod unserved; //   the API version that the cluster serves
