//! Helm charts, inflated in process: a chart and values in, the objects that `helm template` prints out.
//!
//! A chart is hostile input: nothing here opens a file or a socket, and every size has a bound.

pub mod version; // versions and constraints, as Helm reads them
