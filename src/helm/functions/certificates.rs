//! Keys and certificates: stand-ins of the right form, because a compile must never make real ones.
//!
//! What these functions return is PEM around random bytes of the render's seed. It is noted as unstable; a chart that
//! makes its certificates while it renders makes others with each render, and none that anybody should trust.

use std::any::Any;

use super::super::go::value::{Object, Str, Val, base64};
use super::super::go::vm::{Fail, Outcome, Vm};
use super::Kind::{Any as Anything, Int, List, Str as Text};
use super::{Function, arg, bytes, encodings, exact, random, text_of};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("genPrivateKey", &[Text], private_key),
    exact("genCA", &[Text, Int], |vm, _| made(vm, "genCA")),
    exact("genCAWithKey", &[Text, Int, Text], |vm, args| with_key(vm, "genCAWithKey", args, 2)),
    exact("genSelfSignedCert", &[Text, List, List, Int], |vm, args| {
        names(args)?;
        made(vm, "genSelfSignedCert")
    }),
    exact("genSelfSignedCertWithKey", &[Text, List, List, Int, Text], |vm, args| {
        names(args)?;
        with_key(vm, "genSelfSignedCertWithKey", args, 4)
    }),
    exact("genSignedCert", &[Text, List, List, Int, Anything], |vm, args| {
        signer(args)?;
        names(args)?;
        made(vm, "genSignedCert")
    }),
    exact("genSignedCertWithKey", &[Text, List, List, Int, Anything, Text], |vm, args| {
        signer(args)?;
        names(args)?;
        with_key(vm, "genSignedCertWithKey", args, 5)
    }),
    exact("buildCustomCert", &[Text, Text], custom),
];

/// sprig's `certificate`
struct Certificate {
    cert: Str,
    key: Str,
}

impl Object for Certificate {
    fn type_name(&self) -> &'static str {
        "sprig.certificate"
    }

    fn kind(&self) -> &'static str {
        "struct"
    }

    fn field(&self, name: &str) -> Option<Val> {
        match name {
            "Cert" => Some(Val::Str(self.cert.clone())),
            "Key" => Some(Val::Str(self.key.clone())),
            _ => None,
        }
    }

    fn print(&self) -> String {
        format!("{{{} {}}}", self.cert, self.key)
    }

    fn plain(&self) -> Val {
        Val::map([("Cert".into(), Val::Str(self.cert.clone())), ("Key".into(), Val::Str(self.key.clone()))])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// PEM around random bytes.
fn pem(vm: &mut Vm<'_>, function: &'static str, label: &str, size: usize) -> Outcome<String> {
    vm.spend(size)?;
    let body = base64(&random::fill(vm, function, size)?);
    let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    Ok(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")))
}

fn made(vm: &mut Vm<'_>, function: &'static str) -> Outcome {
    let cert = pem(vm, function, "CERTIFICATE", 780)?.into();
    let key = pem(vm, function, "RSA PRIVATE KEY", 1190)?.into();
    Ok(Val::object(Certificate { cert, key }))
}

/// A certificate with the key that was given, which has to be PEM of a private key.
fn with_key(vm: &mut Vm<'_>, function: &'static str, args: &[Val], index: usize) -> Outcome {
    let key = text_of(args, index);
    check_key(&key).map_err(|problem| Fail::new(format!("parsing private key: {problem}")))?;
    let cert = pem(vm, function, "CERTIFICATE", 780)?.into();
    Ok(Val::object(Certificate { cert, key: Str::from(&*key) }))
}

/// The label of the first PEM block.
fn pem_label(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("-----BEGIN ")?;
    let (label, rest) = after.split_once("-----")?;
    rest.contains(&format!("-----END {label}-----")).then_some(label)
}

fn check_key(text: &str) -> Result<(), String> {
    let label = pem_label(text).ok_or("no PEM data in input")?;
    match label.strip_suffix(" PRIVATE KEY").unwrap_or(label) {
        "PRIVATE KEY" | "RSA" | "EC" | "DSA" => Ok(()),
        other if other.len() < label.len() => Err(format!("invalid private key type {other}")),
        _ => Err(format!("no private key data in PEM block of type {label}")),
    }
}

/// The signing certificate has to be one of ours.
fn signer(args: &[Val]) -> Outcome<()> {
    let ca = match arg(args, 4) {
        Val::Object(object) => object.as_any().downcast_ref::<Certificate>(),
        _ => None,
    };
    let Some(ca) = ca else {
        let given = arg(args, 4).type_name();
        return Err(Fail::new(format!("wrong type for value; expected sprig.certificate; got {given}")));
    };
    if pem_label(&ca.cert).is_none() {
        return Err(Fail::new("unable to decode certificate"));
    }
    check_key(&ca.key).map_err(|problem| Fail::new(format!("error parsing private key: {problem}")))
}

/// The addresses and names of a certificate, as sprig checks them.
fn names(args: &[Val]) -> Outcome<()> {
    let items = |index| match arg(args, index) {
        Val::List(list) => list.items.clone(),
        _ => Vec::new(),
    };
    for ip in items(1) {
        let Some(text) = ip.as_str() else {
            let shown = super::super::go::print::short(&ip);
            return Err(Fail::new(format!("error parsing ip: {shown} is not a string")));
        };
        if text.parse::<std::net::IpAddr>().is_err() {
            return Err(Fail::new(format!("error parsing ip: {text}")));
        }
    }
    for name in items(2) {
        if name.as_str().is_none() {
            let shown = super::super::go::print::short(&name);
            return Err(Fail::new(format!("error processing alternate dns name: {shown} is not a string")));
        }
    }
    Ok(())
}

fn private_key(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (label, size) = match &*text_of(args, 0) {
        "" | "rsa" => ("RSA PRIVATE KEY", 2349),
        "dsa" => ("DSA PRIVATE KEY", 860),
        "ecdsa" => ("EC PRIVATE KEY", 121),
        "ed25519" => ("PRIVATE KEY", 48),
        other => return Ok(Val::str(&format!("Unknown type {other}"))),
    };
    Ok(Val::str(&pem(vm, "genPrivateKey", label, size)?))
}

/// A certificate and key that the user gives, in base64; only their form is checked.
fn custom(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    vm.spend(bytes(args, 0).len().saturating_add(bytes(args, 1).len()))?;
    let decoded = |index: usize, what: &str| {
        encodings::decode64(bytes(args, index))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .map_err(|_| Fail::new(format!("unable to decode base64 {what}")))
    };
    let (cert, key) = (decoded(0, "certificate")?, decoded(1, "private key")?);
    if pem_label(&cert).is_none() {
        return Err(Fail::new("unable to decode certificate"));
    }
    check_key(&key).map_err(|problem| Fail::new(format!("error parsing private key: {problem}")))?;
    Ok(Val::object(Certificate { cert: cert.into(), key: key.into() }))
}
