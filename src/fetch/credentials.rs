//! Who lakegen is to which server: a file of the operator's, and what `docker login` and `helm registry login` keep.
//!
//! Every credential is bound to scheme, host and port, and in the file to a folder as well. Nothing in the platform's
//! repository can name, move or widen one. A credential has no `Debug` and no `Display`, so no message can hold it.
//!
//! The file is TOML, because the netrc format knows neither schemes nor ports:
//! ```toml
//! [[credential]]
//! url = "https://charts.example.com/private"
//! username = "ci"
//! password_env = "CHARTS_PASSWORD"       # or password, token, token_env
//! ```

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::address::{Address, Origin};
use super::docker::Docker;

/// What proves who lakegen is.
#[derive(Clone)]
pub enum Login {
    Basic {
        username: String,
        password: String,
    },
    /// Sent as it is.
    Bearer(String),
    /// Exchanged for a token that is sent (docker's `identitytoken`).
    Identity(String),
}

impl Login {
    /// Returns the value of `Authorization`, when this can be sent as it is.
    pub fn header(&self) -> Option<String> {
        match self {
            Self::Basic { username, password } => {
                Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}"))))
            }
            Self::Bearer(token) => Some(format!("Bearer {token}")),
            Self::Identity(_) => None,
        }
    }
}

/// All credentials at hand.
#[derive(Default)]
pub struct Credentials {
    entries: Vec<Entry>,
    docker: Docker,
}

struct Entry {
    origin: Origin,
    /// Begins and ends with `/`.
    folder: String,
    login: Login,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    credential: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: String,
    username: Option<String>,
    password: Option<String>,
    password_env: Option<String>,
    token: Option<String>,
    token_env: Option<String>,
}

impl Credentials {
    /// Returns the credentials of a file's text and those of docker; `variable` reads the environment.
    ///
    /// # Errors
    /// What is wrong with the file, without anything that stands in it but its addresses.
    pub fn new(text: Option<&str>, docker: Docker, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let file: File = match text {
            None => File { credential: vec![] },
            Some(text) => toml::from_str(text).map_err(|error| {
                // The library's own text shows the line, and so a password.
                let line =
                    error.span().and_then(|span| text.get(..span.start)).map_or(1, |t| t.matches('\n').count() + 1);
                let message = error.message().lines().next().unwrap_or("it is not valid TOML");
                format!(
                    "line {line}: {}",
                    if message.contains('"') { "it has an unexpected structure" } else { message }
                )
            })?,
        };
        let entries = file.credential.into_iter().map(|written| written.entry(variable)).collect::<Result<_, _>>()?;
        Ok(Self { entries, docker })
    }

    /// Returns the login of the file for an address: that of the innermost folder.
    pub fn at(&self, address: &Address) -> Option<&Login> {
        let path = address.folder().path;
        // A path with dots or escapes may mean another folder to the server.
        let plain = !path.contains("/.") && !path.contains('%');
        let fits = |entry: &&Entry| {
            entry.origin == address.origin && path.starts_with(&entry.folder) && (plain || entry.folder == "/")
        };
        self.entries.iter().filter(fits).max_by_key(|entry| entry.folder.len()).map(|entry| &entry.login)
    }

    /// Returns the login for a registry: of the file, or of docker.
    ///
    /// # Errors
    /// When a file of docker's cannot be read, or its helper does not give the credential.
    pub fn of_registry(&self, origin: &Origin, repository: &str) -> Result<Option<Login>, String> {
        match self.at(&Address::on(origin, format!("/{repository}"))) {
            Some(login) => Ok(Some(login.clone())),
            None => self.docker.login(origin, repository),
        }
    }
}

impl Written {
    fn entry(self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Entry, String> {
        let shown = self.url.split('@').next_back().unwrap_or("").escape_debug().to_string();
        let url = self.url.strip_prefix("oci://").map_or(self.url.clone(), |rest| format!("https://{rest}"));
        let address = Address::parse(&url).map_err(|reason| format!("the URL `{shown}` {reason}"))?;
        let from = |value: Option<String>, name: Option<String>| match (value, name) {
            (Some(_), Some(_)) => Err(format!("`{shown}` has both a value and a variable; remove one")),
            (None, Some(name)) => match variable(&name).filter(|value| !value.is_empty()) {
                Some(value) => Ok(Some(value)),
                None => Err(format!("`{shown}` needs the variable `{}`, which is not set", name.escape_debug())),
            },
            (value, None) => Ok(value),
        };
        let password = from(self.password, self.password_env)?;
        let token = from(self.token, self.token_env)?;
        let login = match (self.username, password, token) {
            (Some(username), Some(password), None) if !username.contains(':') => Login::Basic { username, password },
            (None, None, Some(token)) => Login::Bearer(token),
            _ => return Err(format!("`{shown}` needs `username` and `password`, or `token`")),
        };
        let plain = |text: &str| text.chars().all(|c| !c.is_control());
        let fits = match &login {
            Login::Basic { username, password } => plain(username) && plain(password),
            Login::Bearer(token) | Login::Identity(token) => token.bytes().all(|b| b.is_ascii_graphic()),
        };
        if !fits {
            return Err(format!("the credential of `{shown}` has characters that are not allowed in a header"));
        }
        Ok(Entry { folder: address.folder().path, origin: address.origin, login })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(credentials: &Credentials, address: &str) -> Option<String> {
        credentials.at(&Address::parse(address).unwrap()).and_then(Login::header)
    }

    /// T67: scheme, host, port and folder all have to be the credential's own.
    #[test]
    fn t67_a_credential_is_bound_to_its_place() {
        let text = r#"
            [[credential]]
            url = "https://charts.example.com/team"
            username = "Aladdin"
            password = "open sesame"
            [[credential]]
            url = "oci://registry.example.com:5000"
            token_env = "TOKEN"
            [[credential]]
            url = "https://charts.example.com/team/inner/"
            token = "inner"
        "#;
        let variable = |name: &str| (name == "TOKEN").then(|| "t0ken".to_owned());
        let credentials = Credentials::new(Some(text), Docker::default(), &variable).unwrap();
        // RFC 7617, section 2.
        let basic = Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned());
        assert_eq!(header(&credentials, "https://charts.example.com/team/index.yaml"), basic);
        assert_eq!(header(&credentials, "https://CHARTS.example.com:443/team"), basic);
        assert_eq!(header(&credentials, "https://charts.example.com/team/inner/x"), Some("Bearer inner".into()));
        assert_eq!(header(&credentials, "https://registry.example.com:5000/v2/x"), Some("Bearer t0ken".into()));
        for other in [
            "http://charts.example.com/team/",
            "https://charts.example.com:8443/team/",
            "https://charts.example.com/teams/",
            "https://charts.example.com/",
            "https://charts.example.com/team/../other",
            "https://charts.example.com/team/%2e%2e/other",
            "https://charts.example.com.evil.example/team/",
            "https://evil.example/charts.example.com/team/",
            "https://registry.example.com/v2/x",
        ] {
            assert_eq!(header(&credentials, other), None, "{other}");
        }
    }

    /// T74: what is wrong with the file is said without what stands in it.
    #[test]
    fn t74_messages_hold_no_password() {
        for (text, message) in [
            ("[[credential]]\nurl = \"https://u:canary@h/\"\ntoken = \"x\"", "the URL `h/` contains credentials"),
            (
                "[[credential]]\nurl = \"https://h/\"\npassword = \"canary\"",
                "needs `username` and `password`, or `token`",
            ),
            ("[[credential]]\nurl = \"https://h/\"\npasword = \"canary\"", "unknown field `pasword`"),
            ("[[credential]]\nurl = \"https://h/\"\npassword = canary", "line 3"),
            ("[[credential]]\nurl = \"https://h/\"\npassword = [\"canary\"]", "line 3"),
            ("[[credential]]\nurl = \"https://h/\"\ntoken = \"canary\\r\\nx: y\"", "not allowed in a header"),
            ("[[credential]]\nurl = \"https://h/\"\ntoken_env = \"NONE\"", "variable `NONE`, which is not set"),
            ("credential = \"canary\"", "line 1"),
        ] {
            let error = Credentials::new(Some(text), Docker::default(), &|_| None).err().unwrap();
            assert!(error.contains(message) && !error.contains("canary"), "{error}");
        }
    }
}
