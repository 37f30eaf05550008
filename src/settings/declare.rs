//! Macros that declare a table or a set of words once, for the description and for the struct.

/// Declares an enum of words. The first one is the default of the type; what a key's default is, its table says.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            #[default]
            $($(#[$vmeta])* $variant,)+
        }

        impl $name {
            /// The words, as users write them.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// Returns the word.
            pub fn name(self) -> &'static str {
                Self::WORDS[self as usize]
            }

            /// Returns what a word stands for.
            pub fn of(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl $crate::settings::Read for $name {
            fn read(node: &$crate::parse::Node) -> Option<Self> {
                Self::of(node.as_str()?)
            }
        }
    };
}

/// Declares a table: `field: Type [shape] = default, "doc";`. A mark before the name says when references are filled in
/// (`@each`: once for each component; `@late`; `@literal`) or that the key cannot differ between targets (`@once`).
macro_rules! table {
    (
        $(#[$meta:meta])*
        $name:ident $title:literal {
            $($(@$mark:ident)* $field:ident: $kind:ty [$shape:expr] $(= $default:expr)?, $doc:expr;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $(#[doc = $doc] pub $field: $kind,)+
            /// Where the table and its keys were written.
            pub places: $crate::settings::Places,
        }

        impl $crate::settings::Read for $name {
            fn read(node: &$crate::parse::Node) -> Option<Self> {
                let table = node.as_table()?;
                Some(Self {
                    $($field: $crate::settings::text::field(
                        table,
                        stringify!($field).trim_start_matches("r#"),
                        table!(@default $($default)?),
                    ),)+
                    places: $crate::settings::Places::of(table, node.span),
                })
            }

            fn absent() -> Option<Self> {
                Self::read(&$crate::settings::text::empty_table())
            }

            fn under(&mut self, key: $crate::diag::Span) {
                self.places.key = key;
            }
        }

        impl $crate::settings::Described for $name {
            fn keys() -> $crate::parse::shape::Keys {
                let mut keys = $crate::parse::shape::Keys::new($title);
                $(
                    keys = keys.key(stringify!($field).trim_start_matches("r#"), $shape, $doc);
                    $(keys = table!(@mark keys, $mark);)*
                    $(keys = keys.by_default($default);)?
                )+
                keys
            }
        }
    };
    (@default $default:expr) => { Some($crate::manifest::value::Value::from($default)) };
    (@default) => { None };
    (@mark $keys:ident, each) => { $keys.filled($crate::parse::shape::Phase::Each) };
    (@mark $keys:ident, late) => { $keys.filled($crate::parse::shape::Phase::Late) };
    (@mark $keys:ident, literal) => { $keys.filled($crate::parse::shape::Phase::Literal) };
    (@mark $keys:ident, once) => { $keys.once() };
}
