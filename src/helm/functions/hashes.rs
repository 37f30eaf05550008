//! Sums of texts: hexadecimal, but for Adler-32, which Go prints in decimal.

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::super::go::value::Val;
use super::super::go::vm::{Outcome, Vm};
use super::Kind::Str as Text;
use super::{Function, bytes, exact};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("sha1sum", &[Text], sum::<Sha1>),
    exact("sha256sum", &[Text], sum::<Sha256>),
    exact("sha512sum", &[Text], sum::<Sha512>),
    exact("adler32sum", &[Text], adler32),
];

fn sum<D: Digest>(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    vm.spend(bytes(args, 0).len())?;
    Ok(Val::str(&hex(&D::digest(bytes(args, 0)))))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn adler32(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    const MODULUS: u32 = 65_521;
    let text = bytes(args, 0);
    vm.spend(text.len())?;
    let (a, b) = text.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % MODULUS;
        (a, (a + b) % MODULUS)
    });
    Ok(Val::str(&(b << 16 | a).to_string()))
}
