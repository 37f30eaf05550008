//! Arithmetic: sprig's `numeric.go`. Integers are `int64` and wrap around; `addf` and its like compute in decimals.

use std::rc::Rc;

use num_bigint::BigInt;

use super::super::go::value::{List, Of, Val};
use super::super::go::vm::{Fail, Outcome, Vm};
use super::Kind::{Any, Float, Int, Str as Text};
use super::{Function, arg, cast, exact, int, room, text_of, variadic};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("int", &[Any], |_, args| Ok(Val::Int(cast::int64(arg(args, 0))))),
    exact("int64", &[Any], |_, args| Ok(Val::Int64(cast::int64(arg(args, 0))))),
    exact("float64", &[Any], |_, args| Ok(Val::Float(cast::float64(arg(args, 0))))),
    exact("atoi", &[Text], atoi),
    exact("toDecimal", &[Any], to_decimal),
    exact("add1", &[Any], |_, args| Ok(Val::Int64(cast::int64(arg(args, 0)).wrapping_add(1)))),
    variadic("add", &[], Any, |_, args| Ok(Val::Int64(args.iter().map(cast::int64).fold(0, i64::wrapping_add)))),
    exact("sub", &[Any, Any], |_, args| Ok(Val::Int64(integer(args, 0).wrapping_sub(integer(args, 1))))),
    variadic("mul", &[Any], Any, |_, args| Ok(Val::Int64(args.iter().map(cast::int64).fold(1, i64::wrapping_mul)))),
    exact("div", &[Any, Any], |_, args| divided(args, i64::wrapping_div)),
    exact("mod", &[Any, Any], |_, args| divided(args, i64::wrapping_rem)),
    variadic("max", &[Any], Any, max),
    variadic("biggest", &[Any], Any, max),
    variadic("min", &[Any], Any, |_, args| Ok(Val::Int64(args.iter().map(cast::int64).min().unwrap_or(0)))),
    variadic("maxf", &[Any], Any, |_, args| Ok(floats(args, max_float))),
    variadic("minf", &[Any], Any, |_, args| Ok(floats(args, min_float))),
    exact("floor", &[Any], |_, args| Ok(Val::Float(cast::float64(arg(args, 0)).floor()))),
    exact("ceil", &[Any], |_, args| Ok(Val::Float(cast::float64(arg(args, 0)).ceil()))),
    variadic("round", &[Any, Int], Float, round),
    exact("add1f", &[Any], |vm, args| decimals(vm, &[arg(args, 0).clone(), Val::Int(1)], Decimal::plus)),
    variadic("addf", &[], Any, |vm, args| decimals(vm, &[&[Val::Int(0)], args].concat(), Decimal::plus)),
    variadic("subf", &[Any], Any, |vm, args| decimals(vm, args, Decimal::minus)),
    variadic("mulf", &[Any], Any, |vm, args| decimals(vm, args, Decimal::times)),
    variadic("divf", &[Any], Any, |vm, args| decimals(vm, args, Decimal::over)),
    exact("until", &[Int], |vm, args| until(vm, 0, int(args, 0), if int(args, 0) < 0 { -1 } else { 1 })),
    exact("untilStep", &[Int, Int, Int], |vm, args| until(vm, int(args, 0), int(args, 1), int(args, 2))),
    variadic("seq", &[], Int, seq),
];

fn integer(args: &[Val], index: usize) -> i64 {
    cast::int64(arg(args, index))
}

fn atoi(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    Ok(Val::Int(match cast::parse_int(&text_of(args, 0), 10) {
        Ok(number) | Err(cast::IntError::Range(number)) => number,
        Err(cast::IntError::Syntax) => 0,
    }))
}

fn to_decimal(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    Ok(Val::Int64(cast::parse_int(&cast::shown(vm, arg(args, 0))?, 8).unwrap_or(0)))
}

fn divided(args: &[Val], by: impl Fn(i64, i64) -> i64) -> Outcome {
    match integer(args, 1) {
        0 => Err(Fail::new("runtime error: integer divide by zero")),
        divisor => Ok(Val::Int64(by(integer(args, 0), divisor))),
    }
}

fn max(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    Ok(Val::Int64(args.iter().map(cast::int64).max().unwrap_or(0)))
}

fn floats(args: &[Val], choose: impl Fn(f64, f64) -> f64) -> Val {
    Val::Float(args.iter().map(cast::float64).reduce(choose).unwrap_or(0.0))
}

/// Go's `math.Max`: what is no number wins, and 0 is larger than -0.
fn max_float(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return if a == f64::INFINITY || b == f64::INFINITY { f64::INFINITY } else { f64::NAN };
    }
    if a == 0.0 && b == 0.0 { if a.is_sign_negative() { b } else { a } } else { a.max(b) }
}

/// Go's `math.Min`
fn min_float(a: f64, b: f64) -> f64 {
    -max_float(-a, -b)
}

fn round(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let from = match args.get(2) {
        Some(Val::Float(from)) => *from,
        _ => 0.5,
    };
    let power = power_of_ten(int(args, 1));
    let scaled = power * cast::float64(arg(args, 0));
    let rounded = if scaled.fract() >= from { scaled.ceil() } else { scaled.floor() };
    Ok(Val::Float(rounded / power))
}

/// Go's `math.Pow(10, exponent)`, which multiplies by squares.
fn power_of_ten(exponent: i64) -> f64 {
    if exponent > 400 {
        return f64::INFINITY;
    }
    if exponent < -400 {
        return 0.0;
    }
    let (mut mantissa, mut two, mut square, mut twos) = (1.0_f64, 0_i32, 0.625_f64, 4_i32);
    let mut left = exponent.unsigned_abs();
    while left != 0 {
        if left & 1 == 1 {
            mantissa *= square;
            two += twos;
        }
        square *= square;
        twos <<= 1;
        if square < 0.5 {
            square += square;
            twos -= 1;
        }
        left >>= 1;
    }
    if exponent < 0 {
        mantissa = 1.0 / mantissa;
        two = -two;
    }
    // In two steps, because 2^1024 alone is infinite.
    mantissa * 2_f64.powi(two / 2) * 2_f64.powi(two - two / 2)
}

fn until(vm: &mut Vm<'_>, start: i64, stop: i64, step: i64) -> Outcome {
    let items = steps(vm, start, stop, step)?.into_iter().map(Val::Int).collect();
    Ok(Val::List(Rc::new(List { items, of: Of::Int })))
}

/// sprig's `untilStep`; a step away from `stop` makes nothing.
fn steps(vm: &mut Vm<'_>, start: i64, stop: i64, step: i64) -> Outcome<Vec<i64>> {
    let (distance, step_size) = (start.abs_diff(stop), step.unsigned_abs());
    if step == 0 || distance == 0 || (stop < start) != (step < 0) {
        return Ok(Vec::new());
    }
    let count = distance.div_ceil(step_size);
    let bytes = count.saturating_mul(size_of::<Val>() as u64);
    room(vm, usize::try_from(bytes).unwrap_or(usize::MAX))?;
    Ok((0..count).scan(start, |at, _| Some(std::mem::replace(at, at.wrapping_add(step)))).collect())
}

fn seq(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let number = |index| int(args, index);
    let direction = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let (start, end, step, past) = match args.len() {
        1 => (1, number(0), direction(1, number(0)), direction(1, number(0))),
        2 => (number(0), number(1), direction(number(0), number(1)), direction(number(0), number(1))),
        3 => {
            let past = direction(number(0), number(2));
            if past < 0 && number(1) > 0 {
                return Ok(Val::str(""));
            }
            (number(0), number(2), number(1), past)
        }
        _ => return Ok(Val::str("")),
    };
    let numbers = steps(vm, start, end.wrapping_add(past), step)?;
    Ok(Val::str(&numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")))
}

/// A decimal number, `value * 10^exponent`, as shopspring/decimal v1.4 has it.
struct Decimal {
    value: BigInt,
    exponent: i32,
}

/// Computes with all arguments from the left.
fn decimals(vm: &mut Vm<'_>, args: &[Val], operation: impl Fn(Decimal, &Decimal) -> Outcome<Decimal>) -> Outcome {
    let mut args = args.iter().map(|val| Decimal::new(cast::float64(val)));
    let mut result = args.next().unwrap_or_else(|| Decimal::new(0.0))?;
    for other in args {
        vm.spend(result.words())?;
        result = operation(result, &other?)?;
    }
    // Writing the digits takes quadratic time.
    vm.spend(result.words().saturating_mul(result.words() / 8 + 16))?;
    Ok(Val::Float(result.to_float()))
}

fn ten_to(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

impl Decimal {
    /// Digits after the point that a division computes (`decimal.DivisionPrecision`).
    const PRECISION: i32 = 16;
    /// More digits than any computation of a chart needs; a long chain of products ends here.
    const MAX_BITS: u64 = 1 << 20;

    /// How much there is to compute with.
    fn words(&self) -> usize {
        usize::try_from(self.value.bits() / 32).unwrap_or(usize::MAX).saturating_add(64)
    }

    /// `decimal.NewFromFloat`: the shortest decimal that reads back as the float.
    fn new(float: f64) -> Outcome<Self> {
        if !float.is_finite() {
            return Err(Fail::new(format!("Cannot create a Decimal from {}", cast::format_g(float))));
        }
        let written = cast::shortest(float);
        let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
        let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let value = digits.replace('.', "").parse().unwrap_or_default();
        let exponent = exponent.parse().unwrap_or(0) - i32::try_from(fraction).unwrap_or(0);
        Ok(Self { value, exponent })
    }

    fn checked(value: BigInt, exponent: i32) -> Outcome<Self> {
        if value.bits() > Self::MAX_BITS {
            return Err(Fail::limit("a decimal number has more than 300000 digits"));
        }
        Ok(Self { value, exponent })
    }

    /// The values of two numbers with one exponent.
    fn aligned(self, other: &Self) -> (BigInt, BigInt, i32) {
        let exponent = self.exponent.min(other.exponent);
        let scale = |number: &Self| &number.value * ten_to(number.exponent.abs_diff(exponent));
        (scale(&self), scale(other), exponent)
    }

    fn plus(self, other: &Self) -> Outcome<Self> {
        let (a, b, exponent) = self.aligned(other);
        Self::checked(a + b, exponent)
    }

    fn minus(self, other: &Self) -> Outcome<Self> {
        let (a, b, exponent) = self.aligned(other);
        Self::checked(a - b, exponent)
    }

    fn times(self, other: &Self) -> Outcome<Self> {
        Self::checked(self.value * &other.value, self.exponent + other.exponent)
    }

    /// `DivRound` to 16 digits after the point, a half away from zero.
    fn over(self, other: &Self) -> Outcome<Self> {
        let zero = BigInt::default();
        if other.value == zero {
            return Err(Fail::new("decimal division by 0"));
        }
        let negative = (self.value < zero) != (other.value < zero);
        let shift = self.exponent - other.exponent + Self::PRECISION;
        let scale = ten_to(shift.unsigned_abs());
        let absolute = |value: BigInt| if value < zero { -value } else { value };
        let (mut a, mut b) = (absolute(self.value), absolute(other.value.clone()));
        if shift < 0 {
            b *= scale;
        } else {
            a *= scale;
        }
        let (mut quotient, rest) = (&a / &b, &a % &b);
        if rest * 2 >= b {
            quotient += 1;
        }
        Self::checked(if negative { -quotient } else { quotient }, -Self::PRECISION)
    }

    fn to_float(&self) -> f64 {
        format!("{}e{}", self.value, self.exponent).parse().unwrap_or(0.0)
    }
}
