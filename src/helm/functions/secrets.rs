//! Passwords: bcrypt, AES and derived passwords. What Go salts at random is salted from the render's seed.

use aes::Aes256;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::NoPadding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

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

/// What a hash or a derived password costs, as in the time of ordinary steps.
const COST: usize = 20_000_000;

fn bcrypt(vm: &mut Vm<'_>, function: &'static str, password: &[u8]) -> Outcome<String> {
    if password.len() > 72 {
        return Ok("failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".into());
    }
    vm.spend(COST)?;
    let mut salt = [0; 16];
    salt.copy_from_slice(&random::fill(vm, function, 16)?);
    let hash = ::bcrypt::hash_with_salt(password, 10, salt)
        .map_err(|error| Fail::new(format!("failed to encrypt string with bcrypt: {error}")))?;
    Ok(hash.format_for_version(::bcrypt::Version::TwoA))
}

fn htpasswd(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let user = text_of(args, 0);
    if user.contains(':') {
        return Ok(Val::str(&format!("invalid username: {user}")));
    }
    let hash = bcrypt(vm, "htpasswd", bytes(args, 1))?;
    Ok(Val::str(&format!("{user}:{hash}")))
}

/// The shapes of passwords by their kind (the Master Password algorithm, as sprig has it).
fn shapes(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

/// The characters that one letter of a shape stands for.
fn characters(letter: u8) -> &'static [u8] {
    match letter {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

fn derive_password(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    const SEED: &[u8] = b"com.lyndir.masterpassword";
    let Ok(counter) = u32::try_from(int(args, 0)) else {
        return Err(Fail::new("the counter of a derived password is no 32-bit number"));
    };
    let kind = text_of(args, 1);
    let Some(shapes) = shapes(&kind) else {
        return Ok(Val::str(&format!("cannot find password template {kind}")));
    };
    vm.spend(COST * 4)?;
    let sized = |text: &[u8]| {
        let size = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
        [SEED, &size, text].concat()
    };
    let mut key = [0; 64];
    let parameters = scrypt::Params::new(15, 8, 2).map_err(|error| Fail::new(error.to_string()))?;
    scrypt::scrypt(bytes(args, 2), &sized(bytes(args, 3)), &parameters, &mut key)
        .map_err(|error| Fail::new(format!("failed to derive password: {error}")))?;
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).map_err(|error| Fail::new(error.to_string()))?;
    mac.update(&sized(bytes(args, 4)));
    mac.update(&counter.to_be_bytes());
    let seed = mac.finalize().into_bytes();
    let chosen = |list_length: usize, byte: u8| usize::from(byte) % list_length;
    let shape = shapes[chosen(shapes.len(), seed[0])];
    let password: String = shape
        .bytes()
        .zip(seed.iter().skip(1))
        .map(|(letter, byte)| {
            let all = characters(letter);
            char::from(all[chosen(all.len(), *byte)])
        })
        .collect();
    Ok(Val::str(&password))
}

/// The key is the password, cut or filled up with zeros to 32 bytes.
fn key_of(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    key.iter_mut().zip(password).for_each(|(slot, byte)| *slot = *byte);
    key
}

const BLOCK: usize = 16;

fn encrypt(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (key, text) = (key_of(bytes(args, 0)), bytes(args, 1));
    if text.is_empty() {
        return Ok(Val::str(""));
    }
    super::room(vm, text.len().saturating_mul(3))?;
    let mut iv = [0; BLOCK];
    iv.copy_from_slice(&random::fill(vm, "encryptAES", BLOCK)?);
    let padding = BLOCK - text.len() % BLOCK;
    let mut content = text.to_vec();
    content.resize(text.len() + padding, u8::try_from(padding).unwrap_or(0));
    let size = content.len();
    let cipher = cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into());
    let encrypted =
        cipher.encrypt_padded::<NoPadding>(&mut content, size).map_err(|error| Fail::new(error.to_string()))?;
    Ok(Val::str(&base64(&[&iv, encrypted].concat())))
}

fn decrypt(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (key, text) = (key_of(bytes(args, 0)), bytes(args, 1));
    if text.is_empty() {
        return Ok(Val::str(""));
    }
    super::room(vm, text.len().saturating_mul(2))?;
    let content =
        encodings::decode64(text).map_err(|at| Fail::new(format!("illegal base64 data at input byte {at}")))?;
    let Some((iv, rest)) = content.split_first_chunk::<BLOCK>() else {
        let length = text.len() / 4 * 3;
        return Err(Fail::new(format!("runtime error: slice bounds out of range [:{BLOCK}] with capacity {length}")));
    };
    if rest.len() % BLOCK != 0 {
        return Err(Fail::new("crypto/cipher: input not full blocks"));
    }
    let mut rest = rest.to_vec();
    let cipher = cbc::Decryptor::<Aes256>::new(&key.into(), &(*iv).into());
    let plain = cipher.decrypt_padded::<NoPadding>(&mut rest).map_err(|error| Fail::new(error.to_string()))?;
    let Some(padding) = plain.last() else {
        return Err(Fail::new("runtime error: index out of range [-1]"));
    };
    let Some(end) = plain.len().checked_sub(usize::from(*padding)) else {
        let end = plain.len().cast_signed() - isize::from(*padding);
        return Err(Fail::new(format!("runtime error: slice bounds out of range [:{end}]")));
    };
    Ok(Val::from_bytes(plain[..end].to_vec()))
}
