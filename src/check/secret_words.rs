//! What a string is, when it is a secret: by its own shape, or by the key that it stands under.
//!
//! A key is read as words (`client_secret`, `clientSecret`, `client-secret`), and its last words say what it holds: a
//! `tokenUrl`, a `passwordKey` or an `existingSecret` holds no secret. Under the name of a password any word is one; under
//! the names of tokens and keys a text counts that is random, has digits in it, or is known as weak, because names of
//! Secrets and of their keys stand under such names too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Says what a string is, when it is a secret.
pub fn secret(key: &str, above: &str, text: &str) -> Option<&'static str> {
    if text.len() < 3 {
        return None;
    }
    by_shape(text).or_else(|| in_text(text)).or_else(|| by_key(key, above, text))
}

/// Says what a number is, when it is a secret: only under the name of a password.
pub fn number(key: &str, above: &str) -> Option<&'static str> {
    (!names_keys(above) && holds(&words(key)) == Some(Holds::Password)).then_some("a password")
}

/// Knows secrets that are nothing else, wherever they stand.
fn by_shape(text: &str) -> Option<&'static str> {
    if (text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----")) || encoded_key(text) {
        return Some("a private key");
    }
    if let Some(what) = token(text) {
        return Some(what);
    }
    if password_in_url(text) {
        return Some("a URL with a password");
    }
    is_hash(text).then_some("a password hash")
}

/// Says whether a text has a private key in base64 in it: `-----BEGIN … PRIVATE KEY-----`, encoded.
fn encoded_key(text: &str) -> bool {
    const BEGIN: &str = "LS0tLS1CRUdJTi";
    const LOOKED_AT: usize = 64;
    text.match_indices(BEGIN).any(|(at, _)| {
        let digits = text[at..].bytes().filter(|b| !b.is_ascii_whitespace());
        let digits: Vec<u8> =
            digits.take_while(|b| b.is_ascii_alphanumeric() || b"+/".contains(b)).take(LOOKED_AT).collect();
        let whole = digits.len() / 4 * 4;
        let begun = BASE64.decode(&digits[..whole]).unwrap_or_default();
        String::from_utf8_lossy(&begun).contains("PRIVATE KEY")
    })
}

/// Says whether a text holds the hash of a password: bcrypt, crypt(5), Apache's or Argon2.
fn is_hash(text: &str) -> bool {
    const MARKS: &[&str] =
        &["$2a$", "$2b$", "$2y$", "$apr1$", "$5$", "$6$", "$argon2i$", "$argon2id$", "$pbkdf2-", "{SHA}", "{SSHA}"];
    MARKS.iter().any(|mark| {
        text.match_indices(mark).any(|(at, _)| {
            let rest = &text[at + mark.len()..];
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "./$+=,-".contains(c))).unwrap_or(rest.len());
            end >= 16
        })
    })
}

/// What stands under a key, as its words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Password,
    /// Only ever a key itself: Hadoop's `fs.s3a.secret.key`.
    SecretKey,
    /// A key or token, or the name of one.
    Key,
    /// What is one only when it is random: `accessKey`, `credentials`, `existingSecret`.
    Perhaps,
}

/// Judges a string by its key.
fn by_key(key: &str, above: &str, text: &str) -> Option<&'static str> {
    if is_reference(text) || names_keys(above) || text.contains(char::is_whitespace) || is_word_for_none(text) {
        return None;
    }
    let words = words(key);
    let holds = holds(&words)?;
    // Below `credentials` and `secret` stand secrets, or the names of their keys.
    if names_a_secret(above) && (is_name_of_a_key(text) || holds != Holds::Password && !is_random(text)) {
        return None;
    }
    match holds {
        Holds::Password => Some("a password"),
        Holds::SecretKey => Some("a secret key"),
        Holds::Key => (is_random(text) || is_weak(text)).then_some("a likely key"),
        Holds::Perhaps => is_random(text).then_some("a likely key"),
    }
}

/// Says what a key holds, by its last words.
fn holds(words: &[String]) -> Option<Holds> {
    let at = |back: usize| words.len().checked_sub(back).and_then(|i| words.get(i)).map_or("", String::as_str);
    let (last, before) = (at(1), at(2));
    // ClickHouse's operator reads the Secret that stands there (`user/k8s_secret_password: namespace/secret/key`).
    if words.iter().any(|word| matches!(word.as_str(), "k8s" | "existing" | "from")) {
        return None;
    }
    if ["password", "passwd", "passphrase"].iter().any(|word| last.ends_with(word)) {
        return Some(Holds::Password);
    }
    match last {
        "pwd" => Some(Holds::Password),
        "pass" if !matches!(before, "" | "proxy" | "by" | "fastcgi" | "uwsgi") => Some(Holds::Password),
        "secret"
            if matches!(
                before,
                "client"
                    | "jwt"
                    | "app"
                    | "application"
                    | "shared"
                    | "cookie"
                    | "session"
                    | "signing"
                    | "hmac"
                    | "consumer"
                    | "oauth"
                    | "oidc"
                    | "csrf"
                    | "api"
            ) =>
        {
            Some(Holds::Key)
        }
        "secret" | "credential" | "credentials" | "creds" => Some(Holds::Perhaps),
        "token" if before == "session" && !at(3).is_empty() => Some(Holds::SecretKey),
        "token" | "apikey" | "secretkey" | "privatekey" | "fernetkey" => Some(Holds::Key),
        "accesskey" => Some(Holds::Perhaps),
        "key" => match before {
            "secret" if key_of_a_secret(words) => None,
            "secret" if at(3) == "s3a" || at(3) == "s3" => Some(Holds::SecretKey),
            "secret" | "private" | "api" | "encryption" | "signing" | "fernet" | "master" | "account" | "shared"
            | "hmac" | "cookie" => Some(Holds::Key),
            "access" if at(3) == "secret" || at(3) == "shared" => Some(Holds::Key),
            "access" => Some(Holds::Perhaps),
            _ => None,
        },
        _ => None,
    }
}

/// Says whether `…SecretKey` names the key of a Secret: `passwordSecretKey`, `adminUserSecretKey`.
fn key_of_a_secret(words: &[String]) -> bool {
    words.len() > 2
        && matches!(
            words[words.len() - 3].as_str(),
            "password" | "user" | "username" | "token" | "login" | "ca" | "cert" | "certificate" | "tls" | "auth"
        )
}

/// Splits a key into words in lower case: at `_`, `-`, `.` and the like, and where capitals begin.
fn words(key: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut fresh = true;
    let mut before = ' ';
    let mut letters = key.chars().peekable();
    while let Some(letter) = letters.next() {
        if !letter.is_alphanumeric() {
            fresh = true;
            before = letter;
            continue;
        }
        let next_is_small = letters.peek().is_some_and(|next| next.is_lowercase());
        // `clientSecret`, and the last capital of `JWTSecret`.
        let begins = letter.is_uppercase()
            && (before.is_lowercase() || before.is_ascii_digit() || (before.is_uppercase() && next_is_small));
        if fresh || begins || words.is_empty() {
            words.push(String::new());
        }
        fresh = false;
        before = letter;
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

/// Says whether the key above says that what stands below are names of keys.
fn names_keys(above: &str) -> bool {
    let above = above.to_ascii_lowercase();
    ["keys", "key", "keymapping", "remoteref", "secretref", "secretkeyref"].iter().any(|word| above.ends_with(word))
}

/// Says whether the key above is that of a Secret: what stands below are its keys, or what is in them.
fn names_a_secret(above: &str) -> bool {
    let above = above.to_ascii_lowercase();
    ["credentials", "secret"].iter().any(|word| above.ends_with(word))
}

/// Says whether a text is what keys of Secrets are called: words without digits.
fn is_name_of_a_key(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '.'))
}

/// Says whether a string is filled in elsewhere, or names a place.
fn is_reference(text: &str) -> bool {
    text.contains("${")
        || text.contains("$(")
        || text.contains("{{")
        || text.starts_with(['$', '/', '<', '%'])
        || ["file:", "env:", "ENC[", "vault:", "ref+", "secret:", "arn:"].iter().any(|scheme| text.starts_with(scheme))
}

/// Says whether a text stands for no secret: a word such as `none`, or the same sign again and again.
fn is_word_for_none(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "none", "null", "nil", "true", "false", "disabled", "enabled", "optional", "required", "redacted", "hidden",
        "masked", "bearer", "basic", "oauth2", "oidc", "string", "str", "bytes", "text", "varchar",
    ];
    let first = text.chars().next();
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)) || text.chars().all(|c| Some(c) == first)
}

/// Says whether a text under the name of a key is a weak secret rather than a name: known as one, or letters with digits
/// that are not joined to a name of something.
fn is_weak(text: &str) -> bool {
    const KNOWN: &[&str] = &[
        "changeme",
        "change-me",
        "change_me",
        "changeit",
        "minioadmin",
        "rustfsadmin",
        "s3cr3t",
        "secret",
        "supersecret",
        "topsecret",
        "temporary",
    ];
    if KNOWN.iter().any(|known| text.eq_ignore_ascii_case(known)) {
        return true;
    }
    let has = |is: fn(&u8) -> bool| text.bytes().any(|b| is(&b));
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"/\\|,".contains(&b));
    // `lakehouse-minio-2`, `AWS_KEY_2`, `tls.key.1`, `v1.2.3`, `HS256`: names of things.
    let joined = text.contains(['-', '_', '.', ':']);
    let algorithm = text.len() <= 6;
    plain && !joined && !algorithm && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}

/// Says whether a string is random rather than a name: letters of both cases with digits, or many hexadecimal digits.
fn is_random(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 16 || !bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=_-.~".contains(b)) {
        return false;
    }
    let has = |is: fn(&u8) -> bool| bytes.iter().any(is);
    let hexadecimal = bytes.len() >= 32 && bytes.iter().all(u8::is_ascii_hexdigit) && has(u8::is_ascii_digit);
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    hexadecimal || (mixed && entropy(bytes) > 3.5)
}

/// Returns Shannon's entropy in bits per byte.
#[allow(clippy::cast_precision_loss, reason = "lengths of strings are far below 2^52")]
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let all = bytes.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / all)
        .map(|share| -share * share.log2())
        .sum()
}

/// Shapes of tokens that their makers document: beginning, least number of further characters, what it is.
const TOKENS: &[(&str, usize, &str)] = &[
    ("AKIA", 16, "an AWS access key"),
    ("ASIA", 16, "an AWS access key"),
    ("AIza", 35, "a Google API key"),
    ("eyJ", 40, "a JSON web token"),
    ("ghp_", 36, "a GitHub token"),
    ("gho_", 36, "a GitHub token"),
    ("ghs_", 36, "a GitHub token"),
    ("github_pat_", 22, "a GitHub token"),
    ("glpat-", 20, "a GitLab token"),
    ("hvs.", 24, "a Vault token"),
    ("npm_", 36, "an npm token"),
    ("sk_live_", 16, "a Stripe key"),
    ("xoxa-", 10, "a Slack token"),
    ("xoxb-", 10, "a Slack token"),
    ("xoxp-", 10, "a Slack token"),
    ("xoxr-", 10, "a Slack token"),
    ("xoxs-", 10, "a Slack token"),
];

/// Finds a token of a known shape at the beginning of a word.
fn token(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    let mut in_word = false;
    for (at, byte) in bytes.iter().enumerate() {
        let part_of_word = byte.is_ascii_alphanumeric() || *byte == b'_';
        if part_of_word && !in_word && matches!(byte, b'A' | b'e' | b'g' | b'h' | b'n' | b's' | b'x') {
            let rest = &bytes[at..];
            for (start, more, what) in TOKENS {
                if let Some(tail) = rest.strip_prefix(start.as_bytes()) {
                    let length = tail.iter().take_while(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b)).count();
                    let digits = tail[..length].iter().any(u8::is_ascii_digit);
                    let fits = match *start {
                        "AKIA" | "ASIA" => {
                            length == 16 && tail[..16].iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                        }
                        "eyJ" => length >= *more && tail[..length].iter().filter(|b| **b == b'.').count() == 2,
                        _ => length >= *more && digits,
                    };
                    if fits {
                        return Some(what);
                    }
                }
            }
        }
        in_word = part_of_word;
    }
    None
}

/// Says whether an address carries a literal password: `scheme://user:password@host`.
fn password_in_url(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let rest = &text[at + 3..];
        let end = rest
            .find(|c: char| c == '/' || c == '?' || c.is_whitespace() || c == '"' || c == '\'')
            .unwrap_or(rest.len());
        let Some((user, _)) = rest[..end].rsplit_once('@') else { return false };
        user.split_once(':').is_some_and(|(_, password)| {
            !password.is_empty() && !is_reference(password) && !password.contains(['{', '}', '*'])
        })
    })
}

/// Finds a secret that a text sets: `password=…` in an address, a command or a properties file, `"password": "…"` in JSON,
/// `password: …` on a line of YAML, `<password>…</password>` and Hadoop's `<name>`, `<value>` in XML.
fn in_text(text: &str) -> Option<&'static str> {
    let marks = text.bytes().enumerate().filter(|(_, b)| matches!(b, b'=' | b':' | b'>'));
    marks.map(|(at, _)| at).find_map(|at| {
        let (key, value) = pair(text, at)?;
        match holds(&words(key))? {
            Holds::Password => Some("a password"),
            Holds::SecretKey => Some("a secret key"),
            Holds::Key => (is_random(value) || is_weak(value)).then_some("a likely key"),
            Holds::Perhaps => is_random(value).then_some("a likely key"),
        }
    })
}

/// Returns the key and the literal value on both sides of a sign, when that sets something.
fn pair(text: &str, at: usize) -> Option<(&str, &str)> {
    let (left, right) = (&text[..at], &text[at + 1..]);
    if text.as_bytes()[at] == b'>' {
        return element(left, right);
    }
    let quote = |side: &str| side.ends_with(['"', '\'']);
    let left = left.trim_end_matches([' ', '\\']);
    let quoted_key = quote(left);
    let left = left.trim_end_matches(['"', '\'', '\\']);
    let start = left
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c)))
        .map_or(0, |i| i + left[i..].chars().next().map_or(1, char::len_utf8));
    let key = &left[start..];
    if !hints_at_a_secret(key) {
        return None;
    }
    let key = key.strip_prefix("-D").unwrap_or(key);
    let value = right.trim_start_matches([' ', '\\']);
    let quoted = value.strip_prefix(['"', '\'']);
    if text.as_bytes()[at] == b':' && !(quoted_key && quoted.is_some()) {
        // `password: x` in prose or code is no assignment; alone on its line it is one of YAML.
        let line = left[..start].rsplit('\n').next().unwrap_or_default();
        let rest = right.split('\n').next().unwrap_or_default();
        let alone = line.trim_start_matches([' ', '-', '"', '\'']).is_empty() && right.starts_with(' ');
        let token = rest.split(" #").next().unwrap_or_default().trim();
        if !alone || token.trim_matches(['"', '\'']).contains(char::is_whitespace) {
            return None;
        }
    }
    let value = quoted.unwrap_or(value);
    let end = value
        .find(|c: char| c.is_whitespace() || matches!(c, '&' | ';' | ',' | '"' | '\'' | '<' | '>' | '`' | ')' | '\\'))
        .unwrap_or(value.len());
    let (value, behind) = value.split_at(end);
    // An argument in code: `connect(password=password)`.
    let code = quoted.is_none() && behind.starts_with([')', ',']) && !value.contains(|c: char| c.is_ascii_digit());
    (is_literal(value) && !code && !is_expression(value)).then_some((key, value))
}

/// Returns what an element of XML sets: `<key>value<`, or the `<value>` behind a `<name>`.
fn element<'a>(left: &'a str, right: &'a str) -> Option<(&'a str, &'a str)> {
    let tag = &left[left.rfind('<')? + 1..];
    let value = &right[..right.find('<')?];
    let key = match tag {
        "value" => {
            let named = left.strip_suffix("<value")?.trim_end().strip_suffix("</name>")?;
            &named[named.rfind('>')? + 1..]
        }
        _ => tag.split(char::is_whitespace).next().unwrap_or_default(),
    };
    (hints_at_a_secret(key) && is_literal(value) && !value.contains(char::is_whitespace)).then_some((key, value))
}

fn is_literal(value: &str) -> bool {
    value.len() >= 3
        && !is_reference(value)
        && !value.contains(['$', '(', '{', '[', '}', '*'])
        && !is_word_for_none(value)
}

/// Says at small cost whether a key is worth a second look.
fn hints_at_a_secret(key: &str) -> bool {
    let end = key.trim_end_matches(|c: char| !c.is_ascii_alphabetic()).to_ascii_lowercase();
    key.len() <= 128
        && [
            "password",
            "passwd",
            "passphrase",
            "pwd",
            "pass",
            "secret",
            "token",
            "key",
            "credential",
            "credentials",
            "creds",
        ]
        .iter()
        .any(|word| end.ends_with(word))
}

/// Says whether what stands behind `password=` is code that names something: `connection.password`.
fn is_expression(value: &str) -> bool {
    value.contains('.')
        && value.split('.').all(|part| {
            part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_every_spelling_are_found() {
        let encoded =
            "aa: LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZLS0tLS0KYjNCbGJuTnphQzFyWlhrdGRqRUFBQUFBQkc1dmJtVUE=";
        let secrets: &[(&str, &str)] = &[
            ("DB_PASSWORD", "hunter2"),
            ("password", "correct-horse"),
            ("dbpassword", "hunter2"),
            ("x", "AKIAIOSFODNN7EXAMPLE"),
            ("x", "token ghp_0123456789abcdefghijABCDEFGHIJ012345"),
            ("url", "postgres://app:hunter2@db/app"),
            ("url", "jdbc:postgresql://db/app?user=app&password=hunter2"),
            ("config", "connection-password=hunter2\nx=1"),
            ("annotation", "{\"password\": \"hunter2\"}"),
            ("clientSecret", "Zm9vYmFyMTIzNDU2Nzg5MA"),
            ("api_key", "0123456789abcdef0123456789abcdef"),
            ("x", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
            ("client_secret", "lake12345"),
            ("clientSecret", "lake12345"),
            ("client-secret", "changeme"),
            ("secretKey", "lake12345"),
            ("secret_key", "minio1234"),
            ("SECRET_KEY", "minio1234"),
            ("adminToken", "abc123def"),
            ("admin_token", "abc123def"),
            ("jwtSecret", "lake12345"),
            ("JWTSecret", "lake12345"),
            ("AWS_SECRET_ACCESS_KEY", "minio12345"),
            ("fernetKey", "lake12345"),
            ("encryption-key", "lake12345"),
            ("spark.hadoop.fs.s3a.secret.key", "minioadmin"),
            ("SMTP_PASS", "hunter2"),
            ("passwordAuth", "admin:$2y$10$abcdefghijklmnopqrstuv"),
            ("htpasswd", "admin:$apr1$abcdefgh$ijklmnopqrstuvwxyz0123"),
            ("auth", "admin:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="),
            ("data", encoded),
            ("dsn", "host=db user=app password=hunter2 dbname=app"),
            ("conn", "Server=db;Database=app;User Id=app;Password=hunter2;"),
            ("conn", "DefaultEndpointsProtocol=https;AccountName=lake;AccountKey=Zm9vYmFyMTIzNDU2Nzg5MA==;"),
            ("values.yaml", "auth:\n  adminPassword: hunter2\n"),
            ("values.yaml", "auth:\n  - clientSecret: lake12345   # for now\n"),
            ("args", "--password=hunter2"),
            ("args", "-Dtrino.password=hunter2"),
            ("users.xml", "<users><app><password>hunter2</password></app></users>"),
            (
                "hive-site.xml",
                "<property><name>javax.jdo.option.ConnectionPassword</name>\n<value>hive</value></property>",
            ),
            ("script", "export AWS_SECRET_ACCESS_KEY=minio12345\nrun"),
            ("app.toml", "[oidc]\nclient_secret = \"lake12345\"\n"),
        ];
        for (key, text) in secrets {
            assert!(secret(key, "", text).is_some(), "{key} = {text}");
        }
    }

    #[test]
    fn names_of_secrets_are_no_secrets() {
        let names: &[(&str, &str)] = &[
            ("passwordKey", "admin-password"),
            ("adminPasswordSecret", "grafana-admin"),
            ("existingSecret", "airflow-metadata-2"),
            ("existingSecretPasswordKey", "password"),
            ("secretKey", "lakehouse-minio-secret-key-2"),
            ("secretKey", "password"),
            ("secretKey", "SECRET_KEY_2"),
            ("passwordSecretKey", "hunter2"),
            ("secretName", "lake12345"),
            ("tlsSecretRef", "lake12345"),
            ("k8s_secret_password", "store/reader/password"),
            ("reader/k8s_secret_password", "store/reader/password"),
            ("tokenUrl", "https://id.example.com/token1"),
            ("token_type", "abc123def"),
            ("token", "tokens-of-2026"),
            ("accessTokenLifespan", "abc123def"),
            ("apiKeySecretName", "lake12345"),
            ("partitionKey", "abc123def"),
            ("publicKey", "abc123def"),
            ("topologyKey", "topology.kubernetes.io/zone"),
            ("passwordFile", "/run/secrets/password"),
            ("password_policy", "length(12)"),
            ("passwordAuth", "true"),
            ("password", "${ENV:DB_PASSWORD}"),
            ("password", "$(DB_PASSWORD)"),
            ("password", "{{ .password }}"),
            ("password", "********"),
            ("url", "postgres://app:${DB_PASSWORD}@db/app"),
            ("url", "https://git.example.com/acme/x.git"),
            ("config", "connection-password=${ENV:X}"),
            ("code", "connect(user=c.login, password=c.password)"),
            ("code", "connect(user=login, password=password)"),
            ("code", "class A:\n    password: str\n    token: Optional[str]\n"),
            ("script", "password=$(cat /run/password)"),
            ("script", "proxy_pass=http://localhost"),
            ("doc", "the password: see the wiki"),
            ("doc", "Password: ask the team"),
            ("token", "/var/run/secrets/token"),
            ("auth.type", "password"),
            ("signature", "HS256"),
            ("certificate", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUN3RENDQW1hZ0F3SUJBZ0lV"),
            ("site.xml", "<name>fs.s3a.secret.key</name><value>${env.SECRET_KEY}</value>"),
            ("values.yaml", "auth:\n  existingSecret: lake12345\n  passwordKey: hunter2\n"),
            ("cost", "USD $5 and $6 in all"),
        ];
        for (key, text) in names {
            assert_eq!(secret(key, "", text), None, "{key} = {text}");
        }
        assert_eq!(secret("password", "secretKeys", "postgres-password"), None);
        assert_eq!(secret("password", "credentials", "db-password"), None);
        assert!(secret("password", "credentials", "hunter2").is_some());
        assert_eq!(number("passwordLength", ""), None);
        assert!(number("password", "").is_some());
    }

    #[test]
    fn keys_are_read_as_words() {
        for (key, wanted) in [
            ("client_secret", "client secret"),
            ("clientSecret", "client secret"),
            ("JWTSecret", "jwt secret"),
            ("fs.s3a.secret.key", "fs s3a secret key"),
            ("reader/k8s_secret_password", "reader k8s secret password"),
            ("AWS_SECRET_ACCESS_KEY", "aws secret access key"),
            ("", ""),
        ] {
            assert_eq!(words(key).join(" "), wanted);
        }
    }
}
