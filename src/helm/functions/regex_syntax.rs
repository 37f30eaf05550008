//! Go's regular expressions as those of the `regex` crate: a pattern in, a pattern out.
//!
//! Both are RE2's kind and match alike, but the texts differ: in Go `\d`, `\w`, `\s` and `\b` are ASCII, `{` may stand
//! for itself, `[` in a class is a character, `\<` too, and there is `\Q…\E`. What Go refuses is refused with its
//! words (`regexp/syntax`, parse.go).

/// Rewrites a pattern.
///
/// # Errors
/// Go's message, without `error parsing regexp: `.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut parser = Parser { pattern, rest: pattern, out: String::with_capacity(pattern.len() * 2), open: 0 };
    parser.run()?;
    Ok(parser.out)
}

/// Go's limit for the counts of `{n,m}`.
const MAX_COUNT: u32 = 1000;

const POSIX_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

struct Parser<'p> {
    pattern: &'p str,
    rest: &'p str,
    out: String,
    /// Groups that are open.
    open: usize,
}

fn error<T>(what: &str, part: &str) -> Result<T, String> {
    Err(format!("{what}: `{}`", super::cut(part, 60)))
}

impl<'p> Parser<'p> {
    fn run(&mut self) -> Result<(), String> {
        // Something that an operator can repeat stands just before.
        let mut operand = false;
        // The text from the last operator on, when it stands just before.
        let mut repeat: Option<&'p str> = None;
        while let Some(c) = self.rest.chars().next() {
            let start = self.rest;
            let last_repeat = repeat.take();
            match c {
                '(' => {
                    let flags_only = self.open_group()?;
                    operand = flags_only && operand;
                }
                ')' => {
                    let Some(open) = self.open.checked_sub(1) else {
                        return error("unexpected )", self.pattern);
                    };
                    self.open = open;
                    self.take(1);
                    self.out.push(')');
                    operand = true;
                }
                '|' => {
                    self.take(1);
                    self.out.push('|');
                    operand = false;
                }
                '^' | '$' | '.' => {
                    self.take(1);
                    self.out.push(c);
                    operand = true;
                }
                '[' => {
                    self.class()?;
                    operand = true;
                }
                '*' | '+' | '?' => {
                    self.take(1);
                    self.out.push(c);
                    repeat = Some(self.repeated(start, last_repeat, operand)?);
                }
                '{' => {
                    if let Some((low, high, text)) = counts(self.rest) {
                        self.take(text.len());
                        let too_many = |count: Option<u32>| count.is_some_and(|count| count > MAX_COUNT);
                        if too_many(Some(low)) || too_many(high) || high.is_some_and(|high| low > high) {
                            return error("invalid repeat count", text);
                        }
                        self.out.push_str(text);
                        repeat = Some(self.repeated(start, last_repeat, operand)?);
                    } else {
                        self.take(1);
                        self.literal('{');
                        operand = true;
                    }
                }
                '\\' => operand = self.escape(operand)?,
                c => {
                    self.take(c.len_utf8());
                    self.literal(c);
                    operand = true;
                }
            }
        }
        if self.open == 0 { Ok(()) } else { error("missing closing )", self.pattern) }
    }

    fn take(&mut self, bytes: usize) -> &'p str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    /// A character that stands for itself, in a class or outside.
    fn literal(&mut self, c: char) {
        if c.is_ascii_alphanumeric() || !c.is_ascii() {
            self.out.push(c);
        } else {
            self.out.push_str(&format!("\\x{:02x}", u32::from(c)));
        }
    }

    /// Goes past a `?` after an operator, and checks what is repeated.
    fn repeated(&mut self, start: &'p str, last: Option<&'p str>, operand: bool) -> Result<&'p str, String> {
        if self.rest.starts_with('?') {
            self.take(1);
            self.out.push('?');
        }
        if let Some(last) = last {
            return error("invalid nested repetition operator", &last[..last.len() - self.rest.len()]);
        }
        if !operand {
            return error("missing argument to repetition operator", &start[..start.len() - self.rest.len()]);
        }
        Ok(start)
    }

    /// Opens a group; says whether it only sets flags.
    fn open_group(&mut self) -> Result<bool, String> {
        let start = self.rest;
        let Some(inner) = start.strip_prefix("(?") else {
            self.take(1);
            self.out.push('(');
            self.open += 1;
            return Ok(false);
        };
        if let Some(named) = inner.strip_prefix("P<").or_else(|| inner.strip_prefix('<')) {
            return self.named_group(start, named);
        }
        let mut negative = false;
        let mut flags = String::new();
        let mut any = false;
        for (at, c) in inner.char_indices() {
            let seen = &start[..2 + at + c.len_utf8()];
            match c {
                'i' | 'm' | 's' | 'U' => {
                    any = true;
                    flags.push(c);
                }
                '-' if !negative => {
                    negative = true;
                    any = false;
                    flags.push('-');
                }
                ':' | ')' if !negative || any => {
                    self.take(seen.len());
                    if c == ':' {
                        self.out.push_str(&format!("(?{flags}:"));
                        self.open += 1;
                        return Ok(false);
                    }
                    if !flags.is_empty() {
                        self.out.push_str(&format!("(?{flags})"));
                    }
                    return Ok(true);
                }
                _ => return error("invalid or unsupported Perl syntax", seen),
            }
        }
        error("invalid or unsupported Perl syntax", start)
    }

    fn named_group(&mut self, start: &'p str, named: &'p str) -> Result<bool, String> {
        let Some((name, after)) = named.split_once('>') else {
            return error("invalid named capture", start);
        };
        let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !valid {
            return error("invalid named capture", &start[..start.len() - after.len()]);
        }
        self.rest = after;
        // Go lets two groups have one name, and takes the first that matched; here the later ones have none. Names
        // that begin with a digit exist only there.
        let opening = format!("(?P<{name}>");
        let known = self.out.contains(&opening) || name.starts_with(|c: char| c.is_ascii_digit());
        self.out.push_str(if known { "(" } else { &opening });
        self.open += 1;
        Ok(false)
    }

    /// An escape outside a class; says whether an operator may follow.
    fn escape(&mut self, operand: bool) -> Result<bool, String> {
        let simple = |text: &str| match text {
            "A" => Some(r"\A"),
            "z" => Some(r"\z"),
            "b" => Some(r"(?-u:\b)"),
            "B" => Some(r"(?-u:\B)"),
            _ => None,
        };
        if let Some(quoted) = self.rest.strip_prefix(r"\Q") {
            let (text, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            text.chars().for_each(|c| self.literal(c));
            self.rest = after;
            return Ok(operand || !text.is_empty());
        }
        if let Some(written) = self.rest.get(1..2).and_then(simple) {
            self.take(2);
            self.out.push_str(written);
            return Ok(true);
        }
        if let Some(group) = self.group()? {
            self.out.push('[');
            self.out.push_str(&group);
            self.out.push(']');
            return Ok(true);
        }
        let c = self.character()?;
        self.literal(c);
        Ok(true)
    }

    /// A Perl or Unicode class after a backslash, as what stands for it within brackets.
    fn group(&mut self) -> Result<Option<String>, String> {
        let perl = match self.rest.as_bytes() {
            [b'\\', b'd', ..] => "0-9",
            [b'\\', b'D', ..] => "^0-9",
            [b'\\', b'w', ..] => "0-9A-Za-z_",
            [b'\\', b'W', ..] => "^0-9A-Za-z_",
            [b'\\', b's', ..] => r"\t\n\x0c\r\x20",
            [b'\\', b'S', ..] => r"^\t\n\x0c\r\x20",
            [b'\\', b'p' | b'P', ..] => return self.unicode().map(Some),
            _ => return Ok(None),
        };
        self.take(2);
        Ok(Some(perl.to_owned()))
    }

    fn unicode(&mut self) -> Result<String, String> {
        const WRONG: &str = "invalid character class range";
        let start = self.rest;
        let negative = start.as_bytes().get(1) == Some(&b'P');
        let inner = start.get(2..).unwrap_or_default();
        let (name, length) = if let Some(braced) = inner.strip_prefix('{') {
            let Some(end) = braced.find('}') else { return error(WRONG, start) };
            (&braced[..end], end + 2)
        } else {
            let Some(first) = inner.chars().next() else { return error(WRONG, start) };
            (&inner[..first.len_utf8()], first.len_utf8())
        };
        let text = self.take(2 + length);
        let (negative, name) = match name.strip_prefix('^') {
            Some(name) => (!negative, name),
            None => (negative, name),
        };
        let known = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !known || regex::Regex::new(&format!(r"\p{{{name}}}")).is_err() {
            return error(WRONG, text);
        }
        Ok(format!("\\{}{{{name}}}", if negative { 'P' } else { 'p' }))
    }

    /// An escaped character.
    fn character(&mut self) -> Result<char, String> {
        let start = self.rest;
        let mut chars = start.chars();
        chars.next();
        let Some(c) = chars.next() else { return Err("trailing backslash at end of expression: ``".into()) };
        self.take(1 + c.len_utf8());
        let wrong = |rest: &str| error("invalid escape sequence", &start[..start.len() - rest.len()]);
        match c {
            'a' => return Ok('\u{7}'),
            'f' => return Ok('\u{c}'),
            'n' => return Ok('\n'),
            'r' => return Ok('\r'),
            't' => return Ok('\t'),
            'v' => return Ok('\u{b}'),
            '0'..='7' => {
                let octal = |text: &str| text.starts_with(|c: char| c.is_digit(8));
                if c == '0' || octal(self.rest) {
                    let mut code = c.to_digit(8).unwrap_or(0);
                    for _ in 0..2 {
                        if !octal(self.rest) {
                            break;
                        }
                        code = code * 8 + self.take(1).parse::<u32>().unwrap_or(0);
                    }
                    return Ok(char::from_u32(code).unwrap_or('\0'));
                }
            }
            'x' => {
                let (digits, length) = match self.rest.strip_prefix('{') {
                    Some(braced) => match braced.split_once('}') {
                        Some((digits, _)) => (digits, digits.len() + 2),
                        None => return wrong(""),
                    },
                    None => (self.rest.get(..2).unwrap_or_default(), 2),
                };
                let code = u32::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'));
                if let Some(c) = code.and_then(char::from_u32) {
                    self.take(length);
                    return Ok(c);
                }
                // Go stops at what is no digit, or too large.
                let braced = self.rest.starts_with('{');
                let within = self.rest.trim_start_matches('{');
                let mut code = 0_u32;
                let stop = within.char_indices().find(|(_, c)| {
                    code = c.to_digit(16).map_or(u32::MAX, |digit| code.saturating_mul(16).saturating_add(digit));
                    code > 0x10_ffff
                });
                let used = stop.map_or(within.len(), |(at, c)| at + c.len_utf8());
                let used = if braced { 1 + used } else { 2.min(self.rest.len()) };
                let end = start.len() - self.rest.len() + used;
                return error("invalid escape sequence", start.get(..end).unwrap_or(start));
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => return Ok(c),
            _ => {}
        }
        wrong(self.rest)
    }

    fn class(&mut self) -> Result<(), String> {
        let start = self.rest;
        self.take(1);
        self.out.push('[');
        if self.rest.starts_with('^') {
            self.take(1);
            self.out.push('^');
        }
        let mut first = true;
        loop {
            if self.rest.is_empty() {
                return error("missing closing ]", start);
            }
            if self.rest.starts_with(']') && !first {
                self.take(1);
                self.out.push(']');
                return Ok(());
            }
            first = false;
            if let Some(named) = self.rest.strip_prefix("[:")
                && let Some(end) = named.find(":]")
            {
                let text = self.take(end + 4);
                if !POSIX_CLASSES.contains(&named[..end].trim_start_matches('^')) {
                    return error("invalid character class range", text);
                }
                self.out.push_str(text);
                continue;
            }
            if let Some(group) = self.group()? {
                let nested = group.starts_with('^');
                self.out.push_str(&if nested { format!("[{group}]") } else { group });
                continue;
            }
            let range = self.rest;
            let low = self.class_character(start)?;
            let mut high = low;
            let bytes = self.rest.as_bytes();
            if bytes.first() == Some(&b'-') && bytes.len() >= 2 && bytes[1] != b']' {
                self.take(1);
                high = self.class_character(start)?;
                if high < low {
                    return error("invalid character class range", &range[..range.len() - self.rest.len()]);
                }
            }
            self.literal(low);
            if high != low {
                self.out.push('-');
                self.literal(high);
            }
        }
    }

    fn class_character(&mut self, class: &str) -> Result<char, String> {
        match self.rest.chars().next() {
            None => error("missing closing ]", class),
            Some('\\') => self.character(),
            Some(c) => {
                self.take(c.len_utf8());
                Ok(c)
            }
        }
    }
}

/// The counts of `{n}`, `{n,}` or `{n,m}` at the start of a text, and how they are written.
fn counts(text: &str) -> Option<(u32, Option<u32>, &str)> {
    let end = text.find('}')?;
    let inner = text.get(1..end)?;
    let number = |text: &str| {
        let plain =
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        plain.then(|| text.parse::<u32>().unwrap_or(u32::MAX))
    };
    let (low, high) = match inner.split_once(',') {
        None => (number(inner)?, Some(number(inner)?)),
        Some((low, "")) => (number(low)?, None),
        Some((low, high)) => (number(low)?, Some(number(high)?)),
    };
    Some((low, high, &text[..=end]))
}
