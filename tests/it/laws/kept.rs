//! The laws by name: each takes a platform that compiled and says what breaks it.

use super::subject::Subject;
use super::{changes, hosts, objects, order, references, sharing};

/// What breaks a law, for a person to read.
pub type Broken = String;

/// A law and its name.
pub type Law = (&'static str, fn(&Subject) -> Vec<Broken>);

/// Laws of one tree.
pub const LAWS: &[Law] = &[
    ("nothing of ours is left unfilled", references::nothing_of_ours_is_left),
    ("the API server takes every object", objects::the_api_server_takes_every_object),
    ("every namespace is made or there", objects::every_namespace_is_there),
    ("every kind is brought before it is used", order::every_kind_is_brought_before_it_is_used),
    ("hosts are published through the edges that they name", hosts::hosts_are_published_as_asked),
    ("targets never share what must be theirs", sharing::targets_share_nothing),
    ("base and patch give the object", sharing::base_and_patch_give_the_object),
];

/// Laws that compile a changed platform too: dearer, so random platforms take turns.
pub const DEARER: &[Law] = &[
    ("the order of tables does not show", changes::order_does_not_show),
    ("the other engine has the same workloads", changes::the_other_engine_has_the_same_workloads),
    ("a component goes with its own files", changes::a_component_goes_with_its_own_files),
    ("a layer is for its own targets", changes::a_layer_is_for_its_own_targets),
    ("a reference is its text", references::a_reference_is_its_text),
    ("a misspelt reference is an error at its key", references::a_misspelt_reference_is_an_error),
];
