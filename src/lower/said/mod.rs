//! Settings that cannot be honoured, or have no effect.

pub mod engines; // words of the engine that is not used
pub mod rollout; // the order of environments in ApplicationSets
pub mod source; //  folders of somebody's repository
pub mod unheard; // what nothing here hears
pub mod heard; //   which words of components anything read
mod read_where; // under which condition a template reads a word
