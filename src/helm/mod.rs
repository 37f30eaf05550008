//! Helm charts inflated in process: the template language, its functions, and a chart as data.

pub mod functions; // what templates may call
pub mod go; //        the template language: Go's text/template
