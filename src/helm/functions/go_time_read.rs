//! Times read as Go's `time.Parse` does: a layout and a text in, a moment out.

use super::go_time::{DAYS, MONTHS, Part, Time, date_of, days_of, next_part};

/// Reads a time; without a zone it is UTC.
///
/// # Errors
/// Go's message.
pub(super) fn parse(layout: &str, text: &str) -> Result<Time, String> {
    let quoted = super::super::go::print::quoted;
    let mut read = Read::default();
    let (mut rest_layout, mut value) = (layout, text);
    loop {
        let found = next_part(rest_layout);
        let (before, after) = found.map_or((rest_layout, ""), |(before, _, after)| (before, after));
        let bad = |value: &str, wanted: &str| {
            let (text, layout) = (quoted(text), quoted(layout));
            format!("parsing time {text} as {layout}: cannot parse {} as {}", quoted(value), quoted(wanted))
        };
        value = skip(value, before).map_err(|value| bad(value, before))?;
        let Some((_, part, _)) = found else {
            if !value.is_empty() {
                return Err(format!("parsing time {}: extra text: {}", quoted(text), quoted(value)));
            }
            break;
        };
        let piece = &rest_layout[before.len()..rest_layout.len() - after.len()];
        let next = read.part(part, value, after);
        value = next.ok_or_else(|| bad(value, piece))?;
        if let Some(range) = read.range {
            return Err(format!("parsing time {}: {range} out of range", quoted(text)));
        }
        rest_layout = after;
    }
    read.finish().map_err(|range| format!("parsing time {}: {range} out of range", quoted(text)))
}

/// Goes past a layout's literal text; a run of spaces matches any run.
fn skip<'v>(mut value: &'v str, literal: &str) -> Result<&'v str, &'v str> {
    let mut rest = literal;
    while let Some(c) = rest.chars().next() {
        if c == ' ' {
            if !value.is_empty() && !value.starts_with(' ') {
                return Err(value);
            }
            rest = rest.trim_start_matches(' ');
            value = value.trim_start_matches(' ');
            continue;
        }
        value = value.strip_prefix(c).ok_or(value)?;
        rest = &rest[c.len_utf8()..];
    }
    Ok(value)
}

/// What was read so far.
struct Read {
    year: i64,
    month: i64,
    day: i64,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    afternoon: Option<bool>,
    offset: Option<i32>,
    zone: Option<String>,
    range: Option<&'static str>,
}

impl Default for Read {
    fn default() -> Self {
        Self {
            year: 0,
            month: -1,
            day: -1,
            year_day: None,
            hour: 0,
            minute: 0,
            second: 0,
            nanos: 0,
            afternoon: None,
            offset: None,
            zone: None,
            range: None,
        }
    }
}

/// One or two digits; with `fixed`, two.
fn number(value: &str, fixed: bool) -> Option<(i64, &str)> {
    let digits = value.bytes().take(2).take_while(u8::is_ascii_digit).count();
    if digits == 0 || (fixed && digits < 2) {
        return None;
    }
    Some((value[..digits].parse().ok()?, &value[digits..]))
}

/// So many digits.
fn digits(value: &str, count: usize) -> Option<(i64, &str)> {
    let (digits, rest) = value.split_at_checked(count)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| Some((digits.parse().ok()?, rest)))?
}

fn looked_up<'v>(names: &[&str], value: &'v str, length: Option<usize>) -> Option<(i64, &'v str)> {
    names.iter().zip(0..).find_map(|(name, index)| {
        let name = length.map_or(*name, |length| &name[..length]);
        let (start, rest) = value.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then_some((index, rest))
    })
}

impl Read {
    fn within(&mut self, number: i64, range: std::ops::Range<i64>, name: &'static str) -> i64 {
        if !range.contains(&number) {
            self.range = Some(name);
        }
        number
    }

    /// Reads one part, and returns what is left of the text.
    fn part<'v>(&mut self, part: Part<'_>, value: &'v str, layout_after: &str) -> Option<&'v str> {
        let rest;
        match part {
            Part::Year => (self.year, rest) = digits(value, 4)?,
            Part::ShortYear => {
                let (year, after) = digits(value, 2)?;
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
                rest = after;
            }
            Part::Month | Part::ShortMonth => {
                let (month, after) = looked_up(&MONTHS, value, (part == Part::ShortMonth).then_some(3))?;
                self.month = month + 1;
                rest = after;
            }
            Part::NumMonth | Part::ZeroMonth => {
                let (month, after) = number(value, part == Part::ZeroMonth)?;
                self.month = self.within(month, 1..13, "month");
                rest = after;
            }
            Part::Weekday => (_, rest) = looked_up(&DAYS, value, None)?,
            Part::ShortWeekday => (_, rest) = looked_up(&DAYS, value, Some(3))?,
            Part::Day | Part::UnderDay | Part::ZeroDay => {
                let value = if part == Part::UnderDay { value.strip_prefix(' ').unwrap_or(value) } else { value };
                (self.day, rest) = number(value, part == Part::ZeroDay)?;
            }
            Part::UnderYearDay | Part::ZeroYearDay => {
                let trimmed = value.trim_start_matches(' ');
                let padded = value.len() - trimmed.len();
                let (day, after) = if part == Part::UnderYearDay && (1..3).contains(&padded) {
                    digits(trimmed, 3 - padded)?
                } else {
                    digits(value, 3)?
                };
                self.year_day = Some(day);
                rest = after;
            }
            Part::Hour => {
                let (hour, after) = number(value, false)?;
                self.hour = self.within(hour, 0..24, "hour");
                rest = after;
            }
            Part::Hour12 | Part::ZeroHour12 => {
                let (hour, after) = number(value, part == Part::ZeroHour12)?;
                self.hour = self.within(hour, 0..13, "hour");
                rest = after;
            }
            Part::Minute | Part::ZeroMinute => {
                let (minute, after) = number(value, part == Part::ZeroMinute)?;
                self.minute = self.within(minute, 0..60, "minute");
                rest = after;
            }
            Part::Second | Part::ZeroSecond => {
                let (second, after) = number(value, part == Part::ZeroSecond)?;
                self.second = self.within(second, 0..60, "second");
                // A fraction may follow that the layout does not name.
                let named = next_part(layout_after).is_some_and(|(_, part, _)| matches!(part, Part::Fraction { .. }));
                rest = if named { after } else { self.fraction(after) };
            }
            Part::Noon { upper } => {
                let (word, after) = value.split_at_checked(2)?;
                self.afternoon = Some(match (word, upper) {
                    ("PM", true) | ("pm", false) => true,
                    ("AM", true) | ("am", false) => false,
                    _ => return None,
                });
                rest = after;
            }
            Part::Offset { z: true, .. } if value.starts_with('Z') => {
                self.offset = Some(0);
                self.zone = Some("UTC".into());
                rest = &value[1..];
            }
            Part::Offset { pattern, .. } => rest = self.offset(pattern, value)?,
            Part::Zone => rest = self.zone(value)?,
            Part::Fraction { pattern } if pattern.ends_with('0') => {
                let (text, after) = value.split_at_checked(pattern.len())?;
                if !text.starts_with(['.', ',']) || !text[1..].bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                self.nanos = nanos_of(&text[1..]);
                rest = after;
            }
            Part::Fraction { .. } => rest = self.fraction(value),
        }
        Some(rest)
    }

    fn fraction<'v>(&mut self, value: &'v str) -> &'v str {
        let Some(after) = value.strip_prefix(['.', ',']) else { return value };
        let count = after.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return value;
        }
        self.nanos = nanos_of(&after[..count]);
        &after[count..]
    }

    fn offset<'v>(&mut self, pattern: &str, value: &'v str) -> Option<&'v str> {
        let (text, rest) = value.split_at_checked(pattern.len())?;
        let sign = match text.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let colons = pattern.match_indices(':').map(|(at, _)| at);
        if !colons.eq(text.match_indices(':').map(|(at, _)| at)) {
            return None;
        }
        let numbers: String = text[1..].chars().filter(|c| *c != ':').collect();
        let part = |from: usize| numbers.get(from..from + 2).map_or(Some(0), |two| two.parse::<i32>().ok());
        if !numbers.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (hours, minutes, seconds) = (part(0)?, part(2)?, part(4)?);
        if hours > 24 {
            self.range = Some("time zone offset hour");
        } else if minutes > 60 {
            self.range = Some("time zone offset minute");
        } else if seconds > 60 {
            self.range = Some("time zone offset second");
        }
        self.offset = Some(sign * (hours * 3600 + minutes * 60 + seconds));
        Some(rest)
    }

    /// A zone's abbreviation; of an unknown one Go knows the name but no offset.
    fn zone<'v>(&mut self, value: &'v str) -> Option<&'v str> {
        if let Some(rest) = value.strip_prefix("UTC") {
            self.offset = Some(0);
            self.zone = Some("UTC".into());
            return Some(rest);
        }
        let letters = value.bytes().take_while(u8::is_ascii_uppercase).count();
        let length = match letters {
            3 => 3,
            4 if value[..4].ends_with('T') || value.starts_with("WITA") => 4,
            5 if value[..5].ends_with('T') => 5,
            _ => return None,
        };
        self.zone = Some(value[..length].to_owned());
        Some(&value[length..])
    }

    fn finish(mut self) -> Result<Time, &'static str> {
        match self.afternoon {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        let leap = (self.year % 4 == 0 && self.year % 100 != 0) || self.year % 400 == 0;
        if let Some(day) = self.year_day {
            if !(1..=365 + i64::from(leap)).contains(&day) {
                return Err("day-of-year");
            }
            let (_, month, month_day) = date_of(days_of(self.year, 1, 1) + day - 1);
            if self.month >= 0 && self.month != month {
                return Err("day-of-year does not match month");
            }
            (self.month, self.day) = (month, month_day);
        }
        let month = if self.month < 0 { 1 } else { self.month };
        let day = if self.day < 0 { 1 } else { self.day };
        let in_month = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if day < 1 || day > in_month {
            return Err("day");
        }
        let wall = days_of(self.year, month, day) * 86_400 + self.hour * 3600 + self.minute * 60 + self.second;
        let offset = self.offset.unwrap_or(0);
        let zone = match (self.zone, offset) {
            (Some(zone), _) => zone,
            // Local is UTC here, and an offset that the local zone uses takes its name.
            (None, 0) => "UTC".into(),
            (None, _) => String::new(),
        };
        Ok(Time { seconds: wall - i64::from(offset), nanos: self.nanos, offset, zone: zone.into() })
    }
}

/// The nanoseconds of a fraction's digits.
fn nanos_of(digits: &str) -> u32 {
    let padded = format!("{digits:0<9}");
    padded.get(..9).and_then(|nine| nine.parse().ok()).unwrap_or(0)
}
