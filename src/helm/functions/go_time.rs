//! Times as Go's `time` reads and writes them: layouts such as `2006-01-02`, and durations such as `1h30m`.

use super::super::go::value::Str;

/// A moment, and the offset and name of the zone it is shown in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Time {
    /// Seconds since 1970 in UTC.
    pub seconds: i64,
    pub nanos: u32,
    /// Seconds east of UTC.
    pub offset: i32,
    pub zone: Str,
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A time's parts on the wall.
pub(super) struct Clock {
    pub year: i64,
    /// From 1.
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    /// From Sunday as 0.
    pub weekday: i64,
    /// From 1.
    pub year_day: i64,
}

impl Time {
    pub fn utc(seconds: i64, nanos: u32) -> Self {
        Self { seconds, nanos, offset: 0, zone: Str::from("UTC") }
    }

    /// Go's zero time, the first second of the year 1.
    pub fn zero() -> Self {
        Self::utc(days_of(1, 1, 1) * 86_400, 0)
    }

    pub fn clock(&self) -> Clock {
        let local = self.seconds.saturating_add(self.offset.into());
        let (days, seconds) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (year, month, day) = date_of(days);
        Clock {
            year,
            month,
            day,
            hour: seconds / 3600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            weekday: (days + 4).rem_euclid(7),
            year_day: days - days_of(year, 1, 1) + 1,
        }
    }

    pub fn month_name(&self) -> &'static str {
        name(&MONTHS, self.clock().month - 1)
    }

    pub fn weekday_name(&self) -> &'static str {
        name(&DAYS, self.clock().weekday)
    }

    /// The moment so many nanoseconds later.
    pub fn plus(&self, nanos: i64) -> Self {
        let total = i64::from(self.nanos) + nanos.rem_euclid(1_000_000_000);
        let seconds =
            self.seconds.saturating_add(nanos.div_euclid(1_000_000_000)).saturating_add(total / 1_000_000_000);
        Self { seconds, nanos: u32::try_from(total % 1_000_000_000).unwrap_or(0), ..self.clone() }
    }

    /// Nanoseconds from `earlier` to this moment, at most what 64 bits hold.
    pub fn since(&self, earlier: &Self) -> i64 {
        let seconds = i128::from(self.seconds) - i128::from(earlier.seconds);
        let nanos = seconds * 1_000_000_000 + i128::from(self.nanos) - i128::from(earlier.nanos);
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// Writes the time as a layout asks.
    pub fn format(&self, layout: &str) -> String {
        let clock = self.clock();
        let mut out = String::new();
        let mut rest = layout;
        while let Some((before, part, after)) = next_part(rest) {
            out.push_str(before);
            self.part(&mut out, part, &clock);
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn part(&self, out: &mut String, part: Part<'_>, clock: &Clock) {
        let hour12 = if clock.hour % 12 == 0 { 12 } else { clock.hour % 12 };
        let text = match part {
            Part::Year if clock.year < 0 => format!("-{:04}", -clock.year),
            Part::Year => format!("{:04}", clock.year),
            Part::ShortYear => format!("{:02}", clock.year.max(0) % 100),
            Part::Month => self.month_name().into(),
            Part::ShortMonth => self.month_name()[..3].into(),
            Part::NumMonth => clock.month.to_string(),
            Part::ZeroMonth => format!("{:02}", clock.month),
            Part::Weekday => self.weekday_name().into(),
            Part::ShortWeekday => self.weekday_name()[..3].into(),
            Part::Day => clock.day.to_string(),
            Part::UnderDay => format!("{:2}", clock.day),
            Part::ZeroDay => format!("{:02}", clock.day),
            Part::UnderYearDay => format!("{:3}", clock.year_day),
            Part::ZeroYearDay => format!("{:03}", clock.year_day),
            Part::Hour => format!("{:02}", clock.hour),
            Part::Hour12 => hour12.to_string(),
            Part::ZeroHour12 => format!("{hour12:02}"),
            Part::Minute => clock.minute.to_string(),
            Part::ZeroMinute => format!("{:02}", clock.minute),
            Part::Second => clock.second.to_string(),
            Part::ZeroSecond => format!("{:02}", clock.second),
            Part::Noon { upper } => match (clock.hour >= 12, upper) {
                (true, true) => "PM",
                (true, false) => "pm",
                (false, true) => "AM",
                (false, false) => "am",
            }
            .into(),
            Part::Zone if self.zone.is_empty() => {
                let (sign, minutes) = (if self.offset < 0 { '-' } else { '+' }, self.offset.unsigned_abs() / 60);
                format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
            }
            Part::Zone => self.zone.to_string(),
            Part::Offset { z: true, .. } if self.offset == 0 => "Z".into(),
            Part::Offset { pattern, .. } => {
                let (sign, seconds) = (if self.offset < 0 { '-' } else { '+' }, self.offset.unsigned_abs());
                let colon = if pattern.contains(':') { ":" } else { "" };
                let mut text = format!("{sign}{:02}", seconds / 3600);
                let digits = pattern.bytes().filter(u8::is_ascii_digit).count();
                if digits >= 4 {
                    text.push_str(&format!("{colon}{:02}", seconds / 60 % 60));
                }
                if digits >= 6 {
                    text.push_str(&format!("{colon}{:02}", seconds % 60));
                }
                text
            }
            Part::Fraction { pattern } => {
                let digits = format!("{:09}", self.nanos);
                let digits = digits.get(..(pattern.len() - 1).min(9)).unwrap_or(&digits);
                if pattern.ends_with('9') {
                    let digits = digits.trim_end_matches('0');
                    if digits.is_empty() { String::new() } else { format!("{}{digits}", &pattern[..1]) }
                } else {
                    format!("{}{digits}", &pattern[..1])
                }
            }
        };
        out.push_str(&text);
    }
}

pub(super) fn name(names: &'static [&'static str], index: i64) -> &'static str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or("%!?")
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (the algorithm of Howard Hinnant's `chrono` papers).
pub(super) fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

pub(super) fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

/// What a piece of a layout stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'l> {
    Year,
    ShortYear,
    Month,
    ShortMonth,
    NumMonth,
    ZeroMonth,
    Weekday,
    ShortWeekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    Noon { upper: bool },
    Zone,
    Offset { z: bool, pattern: &'l str },
    Fraction { pattern: &'l str },
}

/// Finds the first piece of a layout that stands for something: what is before it, the piece, what is after it.
pub(super) fn next_part(layout: &str) -> Option<(&str, Part<'_>, &str)> {
    /// Longer ones first where one begins another.
    const FIXED: [(&str, Part<'_>); 26] = [
        ("January", Part::Month),
        ("Jan", Part::ShortMonth),
        ("Monday", Part::Weekday),
        ("Mon", Part::ShortWeekday),
        ("MST", Part::Zone),
        ("002", Part::ZeroYearDay),
        ("01", Part::ZeroMonth),
        ("02", Part::ZeroDay),
        ("03", Part::ZeroHour12),
        ("04", Part::ZeroMinute),
        ("05", Part::ZeroSecond),
        ("06", Part::ShortYear),
        ("15", Part::Hour),
        ("1", Part::NumMonth),
        ("2006", Part::Year),
        ("2", Part::Day),
        ("__2", Part::UnderYearDay),
        ("_2", Part::UnderDay),
        ("3", Part::Hour12),
        ("4", Part::Minute),
        ("5", Part::Second),
        ("PM", Part::Noon { upper: true }),
        ("pm", Part::Noon { upper: false }),
        ("Z", Part::Offset { z: true, pattern: "" }),
        ("-", Part::Offset { z: false, pattern: "" }),
        (".", Part::Fraction { pattern: "" }),
    ];
    const OFFSETS: [&str; 5] = ["070000", "07:00:00", "0700", "07:00", "07"];
    for (at, _) in layout.char_indices() {
        let rest = &layout[at..];
        if let Some(after) = rest.strip_prefix("_2006") {
            return Some((&layout[..=at], Part::Year, after));
        }
        for (text, part) in FIXED {
            let comma = text == "." && rest.starts_with(',');
            if !rest.starts_with(text) && !comma {
                continue;
            }
            let after = &rest[text.len()..];
            let length = match part {
                Part::ShortMonth | Part::ShortWeekday if after.starts_with(|c: char| c.is_ascii_lowercase()) => {
                    continue;
                }
                Part::Offset { .. } => match OFFSETS.iter().find(|pattern| after.starts_with(**pattern)) {
                    Some(pattern) => text.len() + pattern.len(),
                    None => continue,
                },
                Part::Fraction { .. } => {
                    let Some(digit @ ('0' | '9')) = after.chars().next() else { continue };
                    let run = after.len() - after.trim_start_matches(digit).len();
                    if after[run..].starts_with(|c: char| c.is_ascii_digit()) {
                        continue;
                    }
                    1 + run
                }
                _ => text.len(),
            };
            let pattern = &rest[..length];
            let part = match part {
                Part::Offset { z, .. } => Part::Offset { z, pattern },
                Part::Fraction { .. } => Part::Fraction { pattern },
                part => part,
            };
            return Some((&layout[..at], part, &rest[length..]));
        }
    }
    None
}

/// Go's `Duration.String()`
pub(super) fn duration(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".into();
    }
    let (sign, total) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let fraction = |value: u64, unit: u64| {
        let digits = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
        match digits.trim_end_matches('0') {
            "" => (value / unit).to_string(),
            digits => format!("{}.{digits}", value / unit),
        }
    };
    if total < 1000 {
        return format!("{sign}{total}ns");
    }
    if total < 1_000_000 {
        return format!("{sign}{}µs", fraction(total, 1000));
    }
    if total < 1_000_000_000 {
        return format!("{sign}{}ms", fraction(total, 1_000_000));
    }
    let (minutes, seconds) = (total / 60_000_000_000, fraction(total % 60_000_000_000, 1_000_000_000));
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// Go's `time.ParseDuration`
///
/// # Errors
/// Go's message.
pub(super) fn parse_duration(text: &str) -> Result<i64, String> {
    let quoted = super::super::go::print::quoted(text);
    let invalid = || format!("time: invalid duration {quoted}");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_u128;
    while !rest.is_empty() {
        let number = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (written, after) = rest.split_at(number);
        let (whole, fraction) = written.split_once('.').unwrap_or((written, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(invalid());
        }
        let unit_length = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_length);
        let scale: u128 = match unit {
            "" => return Err(format!("time: missing unit in duration {quoted}")),
            "ns" => 1,
            "us" | "µs" | "μs" => 1000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => {
                let unit = super::super::go::print::quoted(unit);
                return Err(format!("time: unknown unit {unit} in duration {quoted}"));
            }
        };
        let digits = &fraction[..fraction.len().min(18)];
        let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let part: u128 = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| invalid())? };
        let power = 10_u128.pow(u32::try_from(digits.len()).unwrap_or(0));
        total = whole
            .checked_mul(scale)
            .and_then(|nanos| nanos.checked_add(part * scale / power))
            .and_then(|nanos| total.checked_add(nanos))
            .filter(|total| *total <= 1 << 63)
            .ok_or_else(invalid)?;
        rest = next;
    }
    let total = i128::try_from(total).unwrap_or(i128::MAX);
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}
