//! Semantic versions in templates: sprig's `semver` and `semverCompare`, over [`crate::helm::version`].

use std::any::Any;

use super::super::go::value::{Object, Val};
use super::super::go::vm::{Fail, Outcome, Vm};
use super::super::version::{Constraint, Version};
use super::Kind::Str as Text;
use super::{Function, exact, text_of};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("semver", &[Text], |vm, args| {
        vm.spend(PARSING)?;
        Ok(Val::object(read(&text_of(args, 0))?))
    }),
    exact("semverCompare", &[Text, Text], compare),
];

/// What reading a version costs.
const PARSING: usize = 100;

fn read(text: &str) -> Outcome<Version> {
    Version::parse(text).map_err(|error| Fail::new(error.to_string()))
}

fn compare(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let text = text_of(args, 0);
    vm.spend(text.len().saturating_mul(64).saturating_add(2 * PARSING))?;
    let constraint = Constraint::parse(&text).map_err(|error| Fail::new(error.to_string()))?;
    Ok(Val::Bool(constraint.matches(&read(&text_of(args, 1))?)))
}

impl Object for Version {
    fn type_name(&self) -> &'static str {
        "*semver.Version"
    }

    fn kind(&self) -> &'static str {
        "ptr"
    }

    fn call(&self, name: &str, _: &mut Vm<'_>, args: &[Val]) -> Option<Outcome> {
        let other = || match args.first() {
            Some(Val::Object(object)) => object.as_any().downcast_ref::<Self>(),
            _ => None,
        };
        let ordered = |test: fn(std::cmp::Ordering) -> bool| match other() {
            Some(other) => Ok(Val::Bool(test(self.cmp(other)))),
            None => Err(Fail::new("the argument is not a version")),
        };
        // Go's numbers are `uint64` here, which prints and compares as any integer.
        let number = |number: u64| Ok(Val::Int64(i64::try_from(number).unwrap_or(i64::MAX)));
        Some(match name {
            "Major" => number(self.major),
            "Minor" => number(self.minor),
            "Patch" => number(self.patch),
            "Prerelease" => Ok(Val::str(&self.pre)),
            "Metadata" => Ok(Val::str(&self.metadata)),
            "Original" => Ok(Val::str(self.original())),
            "String" => Ok(Val::str(&self.to_string())),
            "IncMajor" => next(self, |[major, ..]| [major.wrapping_add(1), 0, 0]),
            "IncMinor" => next(self, |[major, minor, _]| [major, minor.wrapping_add(1), 0]),
            "IncPatch" if !self.pre.is_empty() => next(self, |same| same),
            "IncPatch" => next(self, |[major, minor, patch]| [major, minor, patch.wrapping_add(1)]),
            "Compare" => match other() {
                Some(other) => Ok(Val::Int(self.cmp(other) as i64)),
                None => Err(Fail::new("the argument is not a version")),
            },
            "Equal" => ordered(std::cmp::Ordering::is_eq),
            "LessThan" => ordered(std::cmp::Ordering::is_lt),
            "LessThanEqual" => ordered(std::cmp::Ordering::is_le),
            "GreaterThan" => ordered(std::cmp::Ordering::is_gt),
            "GreaterThanEqual" => ordered(std::cmp::Ordering::is_ge),
            _ => return None,
        })
    }

    fn print(&self) -> String {
        self.to_string()
    }

    fn plain(&self) -> Val {
        Val::str(&self.to_string())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A release with other numbers; a leading `v` stays.
fn next(version: &Version, change: fn([u64; 3]) -> [u64; 3]) -> Outcome {
    let [major, minor, patch] = change([version.major, version.minor, version.patch]);
    let prefix = if version.original().starts_with('v') { "v" } else { "" };
    read(&format!("{prefix}{major}.{minor}.{patch}")).map(Val::object)
}
