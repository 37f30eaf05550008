//! Programs that keep credentials (`docker-credential-ecr-login` and the like): a server's name in, its login out.
//!
//! The operator's own docker configuration names them; the platform's repository cannot. The program is found in `PATH`,
//! gets its one argument as such and the server on its input, no shell is involved, and what it says on stderr is not
//! repeated. Protocol: <https://github.com/docker/docker-credential-helpers>, README, section "Development".

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use super::credentials::Login;

/// How long a helper may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most bytes that it may say.
const MAX_BYTES: u64 = 64 << 10;

/// Asks a helper for the login of a server; nothing when it has none.
///
/// # Errors
/// When there is no such program, it takes too long, or its answer cannot be understood.
pub fn ask(name: &str, server: &str) -> Result<Option<Login>, String> {
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) || name.starts_with(['-', '.']) {
        return Err(format!("`{}` is not a valid name of a credential helper", name.escape_debug()));
    }
    let program = format!("docker-credential-{name}");
    let failed = |what: &str| format!("`{program}`, which the docker configuration names for {server}, {what}");
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(&format!("cannot be started: {}", crate::diag::stop::reason(&error))))?;
    // A helper that closes its input early may still answer.
    let _ = child.stdin.take().map(|mut input| input.write_all(server.as_bytes()));
    let (sender, receiver) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = output.take(MAX_BYTES).read_to_end(&mut bytes);
            let _ = sender.send(read.map(|_| bytes));
        });
    }
    let answer = receiver.recv_timeout(PATIENCE);
    if answer.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|_| failed("did not exit properly"))?;
    let bytes = answer.map_err(|_| failed("does not answer"))?.map_err(|_| failed("cannot be read"))?;
    if !status.success() {
        // The protocol has one message for "nothing there"; it comes on stdout (credentials/error.go).
        let none = String::from_utf8_lossy(&bytes).contains("credentials not found in native keychain");
        return if none { Ok(None) } else { Err(failed("failed")) };
    }
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| failed("does not answer with JSON"))?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let (username, password) = (text("Username"), text("Secret"));
    if password.is_empty() {
        return Ok(None);
    }
    // The name that stands for "the secret is an identity token" (credentials/credentials.go).
    if username == "<token>" {
        return Ok(Some(Login::Identity(password)));
    }
    Ok(Some(Login::Basic { username, password }))
}
