//! Go's text/template: text in, a compiled tree, and its evaluation over Go's kinds of values.

pub(in crate::helm) mod args; //      what functions are given
pub mod exec; //  tree and data → text
pub mod lex; //   text → tokens
mod literal; //   integers and strings as they are written
mod origins; //   printed lines → lines of the template
pub mod parse; // tokens → tree
pub mod print; // values → text, as fmt prints them
mod scope; //     variables by name while a text is parsed
pub mod tree; //  the compiled form
pub mod value; // values at run time
pub mod vm; //    fuel, depth, randomness
