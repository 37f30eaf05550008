//! Times in templates: sprig's `date.go`. There is no clock: `now` is a fixed time, and noted as unstable.
//!
//! The local zone is UTC, as it is where charts are rendered in CI and by Argo CD and Flux.

use std::any::Any;

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;

use super::super::go::value::{Object, Str, Val};
use super::super::go::vm::{Fail, Outcome, Vm};
use super::Kind::{self, Any as Anything, Str as Text};
use super::go_time::{self, Time};
use super::go_time_read;
use super::{Function, arg, cast, exact, text_of};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("now", &[], |vm, _| Ok(Val::object(Time::utc(vm.now(), 0)))),
    exact("date", &[Text, Anything], |vm, args| shown(vm, &text_of(args, 0), arg(args, 1), "Local")),
    exact("dateInZone", &[Text, Anything, Text], date_in_zone),
    exact("date_in_zone", &[Text, Anything, Text], date_in_zone),
    exact("htmlDate", &[Anything], |vm, args| shown(vm, "2006-01-02", arg(args, 0), "Local")),
    exact("htmlDateInZone", &[Anything, Text], |vm, args| shown(vm, "2006-01-02", arg(args, 0), &text_of(args, 1))),
    exact("ago", &[Anything], ago),
    exact("duration", &[Anything], duration),
    exact("durationRound", &[Anything], duration_round),
    exact("unixEpoch", &[Kind::Time], |_, args| Ok(Val::str(&time(args, 0)?.seconds.to_string()))),
    exact("dateModify", &[Text, Kind::Time], date_modify),
    exact("date_modify", &[Text, Kind::Time], date_modify),
    exact("mustDateModify", &[Text, Kind::Time], must_date_modify),
    exact("must_date_modify", &[Text, Kind::Time], must_date_modify),
    exact("toDate", &[Text, Text], |vm, args| Ok(Val::object(read(vm, args)?.unwrap_or_else(|_| Time::zero())))),
    exact("mustToDate", &[Text, Text], |vm, args| read(vm, args)?.map(Val::object).map_err(Fail::new)),
];

/// Reads a time by a layout.
fn read(vm: &mut Vm<'_>, args: &[Val]) -> Outcome<Result<Time, String>> {
    let (layout, text) = (text_of(args, 0), text_of(args, 1));
    vm.spend(layout.len().saturating_add(text.len()).saturating_mul(8))?;
    if layout.len() > MAX_TEXT || text.len() > MAX_TEXT {
        return Err(Fail::limit(format!("a time or its layout is longer than {MAX_TEXT} bytes")));
    }
    Ok(go_time_read::parse(&layout, &text))
}

/// What finding a zone in the database costs.
const ZONE: usize = 5000;

/// Longer texts are no times, no layouts and no durations.
const MAX_TEXT: usize = 1000;

/// A time in RFC 3339, or the text where it is only a part of one.
pub(super) fn from_text(text: &str) -> Val {
    const LAYOUTS: [&str; 3] = ["2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02"];
    LAYOUTS.iter().find_map(|layout| go_time_read::parse(layout, text).ok()).map_or_else(|| Val::str(text), Val::object)
}

/// The time that a value is.
fn as_time(val: &Val) -> Option<&Time> {
    match val {
        Val::Object(object) => object.as_any().downcast_ref(),
        _ => None,
    }
}

fn time(args: &[Val], index: usize) -> Outcome<Time> {
    as_time(arg(args, index)).cloned().ok_or_else(|| Fail::new("the argument is not a time"))
}

/// A time, or seconds since 1970 as an integer; anything else is now.
fn moment(vm: &mut Vm<'_>, val: &Val) -> Time {
    match val {
        Val::Int(seconds) | Val::Int64(seconds) => Time::utc(*seconds, 0),
        _ => as_time(val).cloned().unwrap_or_else(|| Time::utc(vm.now(), 0)),
    }
}

fn shown(vm: &mut Vm<'_>, layout: &str, val: &Val, zone: &str) -> Outcome {
    vm.spend(layout.len().saturating_mul(8))?;
    if !matches!(zone, "" | "UTC" | "Local") {
        vm.spend(ZONE)?;
    }
    Ok(Val::str(&in_zone(&moment(vm, val), zone).format(layout)))
}

fn date_in_zone(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    shown(vm, &text_of(args, 0), arg(args, 1), &text_of(args, 2))
}

/// The same moment in a zone of the IANA database; an unknown one is UTC, as sprig has it.
fn in_zone(time: &Time, zone: &str) -> Time {
    let utc = Time::utc(time.seconds, time.nanos);
    if matches!(zone, "" | "UTC" | "Local") {
        return utc;
    }
    let (Ok(zone), Ok(at)) = (TimeZoneDatabase::bundled().get(zone), Timestamp::from_second(time.seconds)) else {
        return utc;
    };
    let info = zone.to_offset_info(at);
    Time { offset: info.offset().seconds(), zone: info.abbreviation().into(), ..utc }
}

fn ago(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let now = Time::utc(vm.now(), 0);
    let nanos = now.since(&moment(vm, arg(args, 0)));
    let second = 1_000_000_000;
    let rest = nanos % second;
    let whole = nanos - rest;
    let rounded = if rest.abs() * 2 < second { whole } else { whole.saturating_add(second * nanos.signum()) };
    Ok(Val::str(&go_time::duration(rounded)))
}

fn duration(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let seconds = match arg(args, 0) {
        Val::Int64(seconds) => *seconds,
        Val::Str(text) => match cast::parse_int(text, 10) {
            Ok(seconds) | Err(cast::IntError::Range(seconds)) => seconds,
            Err(cast::IntError::Syntax) => 0,
        },
        _ => 0,
    };
    Ok(Val::str(&go_time::duration(seconds.wrapping_mul(1_000_000_000))))
}

fn duration_round(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    const UNITS: [(u64, &str); 6] =
        [(365 * 86_400, "y"), (30 * 86_400, "mo"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let nanos = match arg(args, 0) {
        Val::Str(text) => duration_of(vm, text)?.unwrap_or(0),
        Val::Int64(nanos) => *nanos,
        val => match as_time(val) {
            Some(time) => Time::utc(vm.now(), 0).since(time),
            None => 0,
        },
    };
    let total = nanos.unsigned_abs();
    let found = UNITS.iter().find(|(seconds, _)| total > seconds * 1_000_000_000);
    Ok(Val::str(
        &found.map_or("0s".to_owned(), |(seconds, name)| format!("{}{name}", total / (seconds * 1_000_000_000))),
    ))
}

/// Reads a duration.
fn duration_of(vm: &mut Vm<'_>, text: &str) -> Outcome<Result<i64, String>> {
    vm.spend(text.len().saturating_mul(8))?;
    if text.len() > MAX_TEXT {
        return Err(Fail::limit(format!("a duration is longer than {MAX_TEXT} bytes")));
    }
    Ok(go_time::parse_duration(text))
}

fn date_modify(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    Ok(match duration_of(vm, &text_of(args, 0))? {
        Ok(nanos) => Val::object(time(args, 1)?.plus(nanos)),
        Err(_) => arg(args, 1).clone(),
    })
}

fn must_date_modify(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let nanos = duration_of(vm, &text_of(args, 0))?.map_err(Fail::new)?;
    Ok(Val::object(time(args, 1)?.plus(nanos)))
}

impl Object for Time {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn kind(&self) -> &'static str {
        "struct"
    }

    fn call(&self, name: &str, vm: &mut Vm<'_>, args: &[Val]) -> Option<Outcome> {
        if let Err(fail) = vm.spend(text_of(args, 0).len().saturating_mul(8).saturating_add(32)) {
            return Some(Err(fail));
        }
        let clock = self.clock();
        let other = || args.first().and_then(as_time).map(|other| (other.seconds, other.nanos));
        let here = (self.seconds, self.nanos);
        let val = match name {
            "Format" => Val::str(&self.format(&text_of(args, 0))),
            "String" => Val::str(&self.print()),
            "Unix" => Val::Int64(self.seconds),
            "UnixMilli" => Val::Int64(self.seconds.wrapping_mul(1000).wrapping_add(i64::from(self.nanos) / 1_000_000)),
            "UnixNano" => Val::Int64(self.seconds.wrapping_mul(1_000_000_000).wrapping_add(self.nanos.into())),
            "Year" => Val::Int(clock.year),
            "Month" => Val::str(self.month_name()),
            "Day" => Val::Int(clock.day),
            "Hour" => Val::Int(clock.hour),
            "Minute" => Val::Int(clock.minute),
            "Second" => Val::Int(clock.second),
            "Nanosecond" => Val::Int(self.nanos.into()),
            "Weekday" => Val::str(self.weekday_name()),
            "YearDay" => Val::Int(clock.year_day),
            "UTC" | "Local" => Val::object(Self::utc(self.seconds, self.nanos)),
            "IsZero" => Val::Bool(here == (Self::zero().seconds, 0)),
            "Before" => Val::Bool(other().is_some_and(|other| here < other)),
            "After" => Val::Bool(other().is_some_and(|other| here > other)),
            "Equal" => Val::Bool(other() == Some(here)),
            _ => return None,
        };
        Some(Ok(val))
    }

    fn items(&self) -> Option<Vec<(Option<Str>, Val)>> {
        None
    }

    fn print(&self) -> String {
        self.format("2006-01-02 15:04:05.999999999 -0700 MST")
    }

    fn plain(&self) -> Val {
        Val::Str(Str::from(self.format("2006-01-02T15:04:05.999999999Z07:00")))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
