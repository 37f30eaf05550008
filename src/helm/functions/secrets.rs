//! Passwords: stand-ins of the right form. No ciphers are worth carrying for them.
//!
//! What bcrypt and AES encrypt is salted, so it is another text at each render anyway. `derivePassword` and `decryptAES`
//! give the same each time with Helm; what stands in for them is noted like the others, because it is not Helm's text, and
//! [`NOT_COMPUTED`] names them, so that a finding can say so.

use super::super::go::value::{Val, base64};
use super::super::go::vm::{Fail, Outcome, Vm};
use super::Kind::{Int, Str as Text};
use super::{Function, bytes, encodings, exact, int, random, text_of};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("bcrypt", &[Text], |vm, args| Ok(Val::str(&bcrypt(vm, "bcrypt", bytes(args, 0))?))),
    exact("htpasswd", &[Text, Text], htpasswd),
    exact("derivePassword", &[Int, Text, Text, Text, Text], derive_password),
    exact("encryptAES", &[Text, Text], encrypt),
    exact("decryptAES", &[Text, Text], decrypt),
];

/// Functions whose result Helm would compute, always the same, and we do not.
pub const NOT_COMPUTED: &[&str] = &["derivePassword", "decryptAES"];

fn bcrypt(vm: &mut Vm<'_>, function: &'static str, password: &[u8]) -> Outcome<String> {
    if password.len() > 72 {
        return Ok("failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".into());
    }
    // Salt and sum: 53 symbols of an alphabet that has `.` for `+`.
    let mut sum = base64(&random::fill(vm, function, 42)?).replace('+', ".");
    sum.truncate(53);
    Ok(format!("$2a$10${sum}"))
}

fn htpasswd(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let user = text_of(args, 0);
    if user.contains(':') {
        return Ok(Val::str(&format!("invalid username: {user}")));
    }
    let hash = bcrypt(vm, "htpasswd", bytes(args, 1))?;
    Ok(Val::str(&format!("{user}:{hash}")))
}

fn derive_password(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    if u32::try_from(int(args, 0)).is_err() {
        return Err(Fail::new("the counter of a derived password is not a 32-bit number"));
    }
    // How long the shapes of each kind are (the Master Password algorithm, sprig's crypto.go).
    let (length, of): (usize, fn(&u8) -> bool) = match &*text_of(args, 1) {
        "maximum" => (20, u8::is_ascii_alphanumeric),
        "long" => (14, u8::is_ascii_alphanumeric),
        "medium" | "basic" => (8, u8::is_ascii_alphanumeric),
        "short" => (4, u8::is_ascii_alphanumeric),
        "pin" => (4, u8::is_ascii_digit),
        other => return Ok(Val::str(&format!("cannot find password template {other}"))),
    };
    random::letters(vm, "derivePassword", length, of)
}

const BLOCK: usize = 16;

fn encrypt(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let text = bytes(args, 1);
    if text.is_empty() {
        return Ok(Val::str(""));
    }
    super::room(vm, text.len().saturating_mul(3))?;
    // The first block is random, and the text is filled up to whole ones, by one byte at least.
    let size = BLOCK + (text.len() / BLOCK + 1) * BLOCK;
    Ok(Val::str(&base64(&random::fill(vm, "encryptAES", size)?)))
}

fn decrypt(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let text = bytes(args, 1);
    if text.is_empty() {
        return Ok(Val::str(""));
    }
    super::room(vm, text.len().saturating_mul(2))?;
    let content =
        encodings::decode64(text).map_err(|at| Fail::new(format!("illegal base64 data at input byte {at}")))?;
    let Some((_, rest)) = content.split_first_chunk::<BLOCK>() else {
        let length = text.len() / 4 * 3;
        return Err(Fail::new(format!("runtime error: slice bounds out of range [:{BLOCK}] with capacity {length}")));
    };
    if rest.len() % BLOCK != 0 {
        return Err(Fail::new("crypto/cipher: input not full blocks"));
    }
    let Some(length) = rest.len().checked_sub(1) else {
        return Err(Fail::new("runtime error: index out of range [-1]"));
    };
    random::letters(vm, "decryptAES", length, u8::is_ascii_alphanumeric)
}
