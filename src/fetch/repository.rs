//! A classic Helm repository: `index.yaml` and archives over HTTP.

use super::address::Address;
use super::client::{Call, Client};
use super::credentials::{Credentials, Login};
use super::index::MAX_INDEX_BYTES;
use super::{BAD_ANSWER, CHART_NOT_FOUND, Class, LOGIN_NEEDED, Problem};
use crate::world::charts::MAX_CHART_BYTES;

/// Fetches the text of a repository's index.
///
/// # Errors
/// See [`Problem`].
pub fn index(client: &Client, credentials: &Credentials, repository: &Address) -> Result<String, Problem> {
    // helm.sh/helm/v3@v3.22.0 pkg/repo/chartrepo.go: the query of the repository stays.
    let address = repository.folder().join("index.yaml").map(|index| repository.lend_query(index));
    let address = address.map_err(|reason| odd_address(&repository.to_string(), &reason))?;
    let bytes = get(client, credentials, &address, MAX_INDEX_BYTES, true)?.ok_or_else(|| {
        Problem::new(&CHART_NOT_FOUND, Class::Finding, format!("{repository} is not a Helm repository"))
            .note(format!("{address} does not exist"))
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let message = format!("{address} is not valid UTF-8 at byte {}", error.utf8_error().valid_up_to());
        Problem::new(&BAD_ANSWER, Class::Finding, message)
    })
}

/// Fetches an archive; nothing when it is not there.
///
/// # Errors
/// See [`Problem`].
pub fn archive(client: &Client, credentials: &Credentials, address: &Address) -> Result<Option<Vec<u8>>, Problem> {
    get(client, credentials, address, MAX_CHART_BYTES, false)
}

fn get(
    client: &Client,
    credentials: &Credentials,
    address: &Address,
    limit: u64,
    compressible: bool,
) -> Result<Option<Vec<u8>>, Problem> {
    let authorize = |address: &Address| credentials.at(address).and_then(Login::header);
    let call = Call { address, accept: "*/*", limit, compressible, form: None, authorize: &authorize };
    let answer = client.send(&call)?;
    match answer.status {
        200 => Ok(Some(answer.body)),
        404 | 410 => Ok(None),
        401 | 403 | 407 => Err(denied(address, answer.status, credentials.at(address).is_some())),
        status => Err(Problem::new(&BAD_ANSWER, Class::Finding, format!("{address} answers {status}"))),
    }
}

fn denied(address: &Address, status: u16, known: bool) -> Problem {
    let origin = &address.origin;
    let problem =
        Problem::new(&LOGIN_NEEDED, Class::Environment, format!("{address} denied access: it answers {status}"));
    if known {
        return problem.help(format!("check the credential for {origin} in the `--credentials` file"));
    }
    problem.help(format!("add a credential for {origin} with `--credentials FILE`; see `lakegen fetch --help`"))
}

/// Returns the problem of a text that is no address; what is shown of it holds neither credentials nor a query.
pub fn odd_text(text: &str, reason: &str) -> Problem {
    const MOST: usize = 200;
    // Whatever stands before the last `@` may be a password, with `/`, `?` and `#` in it too.
    let (before, rest) = text.rsplit_once('@').map_or(("", text), |(before, rest)| (before, rest));
    let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
    let rest = rest.split(['?', '#']).next().unwrap_or("");
    let shown = match scheme {
        _ if before.is_empty() => rest.to_owned(),
        "https" | "http" | "oci" => format!("{scheme}://…@{rest}"),
        _ => format!("…@{rest}"),
    };
    let shown: String = shown.chars().take(MOST).flat_map(char::escape_debug).collect();
    odd_address(&shown, reason)
}

/// Returns the problem of an address that cannot be used.
pub fn odd_address(shown: &str, reason: &str) -> Problem {
    Problem::new(&super::REFUSED_HOST, Class::Finding, format!("the URL {shown} {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T67, T74: whatever is odd about an address, its credentials are not shown.
    #[test]
    fn t74_what_is_shown_of_an_odd_address_has_no_password() {
        for (text, shown) in [
            ("https://user:canary@example.com/a", "https://…@example.com/a"),
            ("https://user:ca?nary@example.com/a?x", "https://…@example.com/a"),
            ("https://user:ca/n#ary@example.com", "https://…@example.com"),
            ("https://user:can@ary@example.com", "https://…@example.com"),
            ("user:canary@example.com", "…@example.com"),
            ("https://example.com:x/a?token=canary", "https://example.com:x/a"),
            ("https://@example.com", "https://…@example.com"),
            ("a\nb", "a\\nb"),
        ] {
            let message = odd_text(text, "is odd").message;
            assert_eq!(message, format!("the URL {shown} is odd"), "{text}");
        }
    }
}
