//! A small OCI registry for reading, on loopback: tokens, manifests, layers, tags, as the distribution specification and
//! the token specification of distribution have them. The real one is asked by `cargo xtask oracle fetch`.

use std::collections::BTreeMap;

use lakegen::world::charts::Digest;

use crate::server::{Reply, Request, Server, ok, status};

pub const LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// What the registry holds, and how it behaves.
#[derive(Clone, Default)]
pub struct Content {
    /// `repository:tag` → manifest.
    pub manifests: BTreeMap<String, Vec<u8>>,
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// Who may read, as `user:password`; nobody needs to log in without.
    pub login: Option<String>,
    /// Whether tokens are asked for, or the login itself.
    pub tokens: bool,
    /// Where layers are redirected to.
    pub storage: Option<String>,
}

impl Content {
    /// Adds a chart as `helm push` does, and returns the digests of its layer and manifest.
    pub fn push(&mut self, repository: &str, tag: &str, bytes: &[u8]) -> (Digest, Digest) {
        let layer = Digest::of(bytes);
        let config = b"{}";
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "config": {
                "mediaType": "application/vnd.cncf.helm.config.v1+json",
                "digest": Digest::of(config).to_string(),
                "size": config.len(),
            },
            "layers": [
                {"mediaType": "application/vnd.cncf.helm.chart.provenance.v1.prov", "digest": Digest::of(b"p").to_string(), "size": 1},
                {"mediaType": LAYER, "digest": layer.to_string(), "size": bytes.len()},
            ],
        });
        let manifest = serde_json::to_vec(&manifest).unwrap();
        let digest = Digest::of(&manifest);
        self.manifests.insert(format!("{repository}:{tag}"), manifest);
        self.blobs.insert(layer.to_string(), bytes.to_vec());
        (layer, digest)
    }

    /// Starts the registry.
    pub fn serve(self) -> Server {
        Server::new(move |request| self.answer(request))
    }

    fn answer(&self, request: &Request) -> Reply {
        let host = request.header("host").unwrap_or("");
        let path = request.path.split('?').next().unwrap_or("");
        if path == "/token" {
            return self.token(request);
        }
        let Some(rest) = path.strip_prefix("/v2/") else { return status(404, &[]) };
        let (repository, kind, name) = ["/manifests/", "/blobs/", "/tags/"]
            .into_iter()
            .find_map(|kind| rest.split_once(kind).map(|(repository, name)| (repository, kind, name)))
            .unwrap_or((rest, "", ""));
        if let Some(refusal) = self.refuse(request, host, repository) {
            return refusal;
        }
        match kind {
            "/manifests/" => match self.manifests.get(&format!("{repository}:{name}")) {
                Some(manifest) if request.header("accept").is_some_and(|accept| accept.contains(MANIFEST)) => {
                    Reply::Whole {
                        status: 200,
                        headers: vec![("content-type".into(), MANIFEST.into())],
                        body: manifest.clone(),
                    }
                }
                _ => status(404, &[]),
            },
            "/blobs/" => match (self.blobs.get(name), &self.storage) {
                (Some(_), Some(storage)) => {
                    status(307, &[("location", &format!("{storage}/{name}?X-Amz-Signature=canary-q"))])
                }
                (Some(blob), None) => ok(blob.clone()),
                (None, _) => status(404, &[]),
            },
            // Two pages, the second one by a relative link.
            "/tags/" => {
                let tags: Vec<&str> =
                    self.manifests.keys().filter_map(|key| key.strip_prefix(&format!("{repository}:"))).collect();
                let half = tags.len() / 2;
                let second = request.path.contains("last=");
                let page = if second { &tags[half..] } else { &tags[..half] };
                let body = serde_json::to_vec(&serde_json::json!({"name": repository, "tags": page})).unwrap();
                let link = format!("</v2/{repository}/tags/list?last=x>; rel=\"next\"");
                let headers = if second { vec![] } else { vec![("link".to_owned(), link)] };
                Reply::Whole { status: 200, headers, body }
            }
            _ => status(404, &[]),
        }
    }

    /// Returns the refusal of a request that does not say who it is.
    fn refuse(&self, request: &Request, host: &str, repository: &str) -> Option<Reply> {
        let given = request.header("authorization");
        if self.tokens {
            let wanted = format!("Bearer token-for-repository:{repository}:pull");
            if given == Some(&wanted) {
                return None;
            }
            let challenge = format!(
                "Bearer realm=\"http://{host}/token\",service=\"registry, of tests\",scope=\"repository:{repository}:pull\""
            );
            return Some(status(401, &[("www-authenticate", &challenge)]));
        }
        let login = self.login.as_ref()?;
        if given == Some(&basic(login)) {
            return None;
        }
        Some(status(401, &[("www-authenticate", "Basic realm=\"tests\"")]))
    }

    fn token(&self, request: &Request) -> Reply {
        let query = if request.method == "POST" { &request.body } else { &request.path };
        let query = query.replace("%3A", ":").replace("%2F", "/").replace("%2C", ",").replace("%20", " ");
        let allowed = match (&self.login, request.method.as_str()) {
            (None, _) => true,
            (Some(login), "GET") => request.header("authorization") == Some(&basic(login)),
            (Some(login), _) => {
                let (_, secret) = login.split_once(':').unwrap();
                query.contains("grant_type=refresh_token") && query.contains(&format!("refresh_token={secret}"))
            }
        };
        let service = query.contains("service=registry, of tests");
        let scope = query.split(['?', '&']).find_map(|pair| pair.strip_prefix("scope=")).unwrap_or("");
        if !allowed || !service {
            return status(401, &[]);
        }
        let key = if request.method == "POST" { "access_token" } else { "token" };
        ok(serde_json::to_vec(&serde_json::json!({ key: format!("token-for-{scope}") })).unwrap())
    }
}

/// Returns the header of a login.
pub fn basic(login: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(login))
}
