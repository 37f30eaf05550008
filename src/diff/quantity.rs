//! Kubernetes quantities: `1000m` is `1`, `1Gi` is `1024Mi`.
//!
//! The notation is that of
//! <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.

use crate::manifest::value::Value;

/// Returns a quantity in billionths, or nothing when the value is none or out of range.
pub fn nano(value: &Value) -> Option<i128> {
    match value {
        Value::Int(i) => i.checked_mul(1_000_000_000),
        Value::Float(f) => parse(&f.to_string()),
        Value::Str(s) => parse(s),
        _ => None,
    }
}

fn parse(text: &str) -> Option<i128> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + fraction.len() == 0 || fraction.contains('.') || fraction.len() > 9 {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let (numerator, denominator) = scale(suffix)?;
    let divisor = denominator.checked_mul(10_i128.pow(u32::try_from(fraction.len()).ok()?))?;
    let scaled = digits.checked_mul(numerator)?.checked_mul(1_000_000_000)?;
    // Kubernetes rounds up what is smaller than a billionth; such values do not occur in manifests.
    (scaled % divisor == 0).then(|| sign * (scaled / divisor))
}

/// Returns the factor of a suffix as a fraction.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    const DECIMAL: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    const SMALL: [&str; 4] = ["", "m", "u", "n"];
    let power = |base: i128, n: usize| base.pow(u32::try_from(n).expect("a short table"));
    if let Some(n) = DECIMAL.iter().position(|s| *s == suffix) {
        return Some((power(1000, n), 1));
    }
    if let Some(n) = BINARY.iter().position(|s| *s == suffix) {
        return Some((power(1024, n), 1));
    }
    if let Some(n) = SMALL.iter().position(|s| *s == suffix) {
        return Some((1, power(1000, n)));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let factor = 10_i128.checked_pow(exponent.unsigned_abs()).filter(|_| exponent.abs() <= 18)?;
    Some(if exponent < 0 { (1, factor) } else { (factor, 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_quantities_are_equal() {
        for (a, b) in
            [("1000m", "1"), ("1Gi", "1024Mi"), ("1.5Gi", "1536Mi"), ("1e3", "1k"), ("0.1", "100m"), (".5", "500m")]
        {
            assert!(nano(&a.into()).is_some(), "{a}");
            assert_eq!(nano(&a.into()), nano(&b.into()), "{a} {b}");
        }
        assert_eq!(nano(&Value::Int(2)), nano(&"2".into()));
        assert!(nano(&"1G".into()) < nano(&"1Gi".into()));
    }

    #[test]
    fn other_text_is_no_quantity() {
        for text in ["", "x", "1.2.3", "1 Gi", "gp3", "1e999", "-", "999999999999999999999999999999Ei"] {
            assert_eq!(nano(&text.into()), None, "{text}");
        }
    }
}
