//! Helm charts, inflated in process: a chart and values in, the objects that `helm template` prints out.
//!
//! A chart is hostile input: nothing here opens a file or a socket, and every size has a bound.

pub mod functions; // what templates may call
pub mod go; //        the template language: Go's text/template
pub mod version; //   versions and constraints, as Helm reads them
