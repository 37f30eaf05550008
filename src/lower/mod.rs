//! lower
use crate::code;
use crate::diag::Code;
pub static CODES: &[&Code] = &[];
code!(UNTESTED_VERSION, "untested-version", "a chart version that the component's templates do not know", "a", "b", "c");
code!(SECRET_IN_VALUE, "secret-in-value", "a secret", "a", "b", "c");
