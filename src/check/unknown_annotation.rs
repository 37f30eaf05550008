//! `unknown-annotation`: an annotation that looks like one that a program reads, and is none.
//!
//! An annotation that nobody reads is a setting that silently does nothing. Only near misses are reported: each of these
//! programs may have learned a new one since.

use super::{Clean, Context, Findings, at_key};
use crate::code;
use crate::diag::{Diagnostic, near};

code!(
    UNKNOWN_ANNOTATION,
    "unknown-annotation",
    "an annotation is misspelt, so its controller ignores it",
    "an annotation that nothing reads is a setting that silently has no effect",
    "annotations:\n  cert-manager.io/cluster-isuer: letsencrypt",
    "annotations:\n  cert-manager.io/cluster-issuer: letsencrypt"
);

/// Prefix, who reads it, the names behind it. Sources: argo-cd v3.4 docs/user-guide/annotations-and-labels.md;
/// helm.sh/docs/topics/charts_hooks and howto/charts_tips_and_tricks; cert-manager.io/docs/reference/annotations;
/// fluxcd.io/flux/components/kustomize/kustomizations and helm/helmreleases;
/// github.com/emberstack/kubernetes-reflector (README); ingress-nginx v1.13, annotations.md, with those of older versions;
/// external-dns v0.19, docs/annotations; the convention of Prometheus' example scrape configuration.
const READERS: &[(&str, &str, &str)] = &[
    (
        "argocd.argoproj.io",
        "Argo CD",
        "application-set-refresh compare-options hook hook-delete-policy ignore-healthcheck ignore-resource-updates manifest-generate-paths \
         managed-by-url refresh skip-reconcile sync-options sync-wave tracking-id installation-id hydrate",
    ),
    ("helm.sh", "Helm", "hook hook-weight hook-delete-policy hook-output-log-policy resource-policy"),
    (
        "cert-manager.io",
        "cert-manager",
        "cluster-issuer issuer issuer-kind issuer-group issuer-name common-name email-sans alt-names ip-sans uri-sans subject-organizations \
         subject-organizationalunits subject-countries subject-provinces subject-localities subject-postalcodes \
         subject-streetaddresses subject-serialnumber duration renew-before renew-before-percentage usages \
         revision-history-limit private-key-algorithm private-key-encoding private-key-size private-key-rotation-policy \
         private-key-secret-name certificate-name certificate-revision issue-temporary-certificate secret-template allow-direct-injection inject-apiserver-ca inject-ca-from \
         inject-ca-from-secret",
    ),
    ("kustomize.toolkit.fluxcd.io", "Flux", "prune reconcile ssa force substitute"),
    ("helm.toolkit.fluxcd.io", "Flux", "driftDetection prune"),
    ("reconcile.fluxcd.io", "Flux", "requestedAt forceAt resetAt watch"),
    (
        "reflector.v1.k8s.emberstack.com",
        "reflector",
        "reflection-allowed reflection-allowed-namespaces reflection-auto-enabled reflection-auto-namespaces reflects \
         reflected-at reflected-version auto-reflects",
    ),
    ("prometheus.io", "Prometheus", "scrape port path scheme probe param_module scrape_slow interval"),
    (
        "external-dns.alpha.kubernetes.io",
        "ExternalDNS",
        "access alias cloudflare-proxied controller endpoints-type gateway-hostname-source hostname hostname-source ingress \
         ingress-hostname-source internal-hostname set-identifier target ttl",
    ),
    (
        "nginx.ingress.kubernetes.io",
        "ingress-nginx",
        "app-root affinity affinity-mode affinity-canary-behavior auth-realm auth-secret auth-secret-type auth-type auth-tls-secret \
         auth-tls-verify-depth auth-tls-verify-client auth-tls-error-page auth-tls-pass-certificate-to-upstream auth-tls-match-cn \
         auth-url auth-cache-key auth-cache-duration auth-keepalive auth-keepalive-share-vars auth-keepalive-requests \
         auth-keepalive-timeout auth-proxy-set-headers auth-snippet auth-method auth-signin auth-signin-redirect-param \
         auth-response-headers auth-request-redirect auth-always-set-cookie enable-global-auth backend-protocol canary \
         canary-by-header canary-by-header-value canary-by-header-pattern canary-by-cookie canary-weight canary-weight-total \
         client-body-buffer-size configuration-snippet custom-http-errors custom-headers default-backend \
         disable-proxy-intercept-errors enable-cors cors-allow-origin cors-allow-methods cors-allow-headers cors-expose-headers \
         cors-allow-credentials cors-max-age force-ssl-redirect from-to-www-redirect http2-push-preload limit-connections limit-rps \
         limit-rpm limit-rate limit-rate-after limit-burst-multiplier limit-allowlist limit-whitelist denylist-source-range \
         allowlist-source-range whitelist-source-range permanent-redirect permanent-redirect-code temporal-redirect \
         temporal-redirect-code relative-redirects preserve-trailing-slash proxy-body-size proxy-cookie-domain proxy-cookie-path \
         proxy-connect-timeout proxy-send-timeout proxy-read-timeout proxy-next-upstream proxy-next-upstream-timeout \
         proxy-next-upstream-tries proxy-request-buffering proxy-redirect-from proxy-redirect-to proxy-http-version \
         proxy-ssl-secret proxy-ssl-ciphers proxy-ssl-name proxy-ssl-protocols proxy-ssl-verify proxy-ssl-verify-depth \
         proxy-ssl-server-name proxy-buffering proxy-buffers-number proxy-buffer-size proxy-busy-buffers-size \
         proxy-max-temp-file-size enable-rewrite-log rewrite-target satisfy server-alias server-snippet service-upstream \
         session-cookie-change-on-failure session-cookie-conditional-samesite-none session-cookie-domain session-cookie-expires \
         session-cookie-max-age session-cookie-name session-cookie-path session-cookie-samesite session-cookie-secure \
         ssl-redirect ssl-passthrough stream-snippet upstream-hash-by upstream-hash-by-subset upstream-hash-by-subset-size \
         upstream-vhost x-forwarded-prefix load-balance mirror-target mirror-request-body mirror-host use-regex ssl-ciphers \
         ssl-prefer-server-ciphers connection-proxy-header enable-access-log enable-opentelemetry \
         opentelemetry-trust-incoming-span opentelemetry-operation-name enable-modsecurity modsecurity-snippet \
         modsecurity-transaction-id enable-owasp-core-rules \
         global-rate-limit global-rate-limit-window global-rate-limit-key global-rate-limit-ignored-cidrs enable-opentracing \
         opentracing-trust-incoming-span enable-influxdb influxdb-measurement influxdb-port influxdb-host influxdb-server-name",
    ),
];

/// Checks the annotations of every object that no chart made, and those of its pods.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let mut clean = Clean::default();
    for made in context.made() {
        for lowered in made.objects().filter(|lowered| !lowered.origin.is_chart()) {
            let value = lowered.object.value();
            clean.unless_clean(value, findings, |findings| {
                let places: [&[&str]; 2] =
                    [&["metadata", "annotations"], &["spec", "template", "metadata", "annotations"]];
                let keys = places.iter().filter_map(|place| value.at(place)?.as_map()).flat_map(|map| map.keys());
                for key in keys {
                    let Some((reader, meant)) = meant(key) else { continue };
                    let (kind, name) = (lowered.object.kind(), lowered.object.name());
                    let message = format!("{kind} `{name}` has the annotation `{key}`, which {reader} does not read");
                    let diagnostic = Diagnostic::warning(&UNKNOWN_ANNOTATION, message);
                    let edge = made.target.edges.values().find(|edge| edge.annotations.contains_key(&**key));
                    let diagnostic = match edge {
                        Some(edge) => diagnostic.at(edge.span, "set on this edge"),
                        None => at_key(context, diagnostic, lowered, key),
                    };
                    findings.object(&made, lowered, diagnostic.help(format!("did you mean `{meant}`?")));
                }
            });
        }
    }
}

/// Returns who would read an annotation and which one was meant, when it is a near miss.
fn meant(key: &str) -> Option<(&'static str, String)> {
    let (prefix, name) = key.split_once('/')?;
    if let Some((prefix, reader, names)) = READERS.iter().find(|(known, ..)| *known == prefix) {
        if names.split_whitespace().any(|known| known == name) {
            return None;
        }
        let best = *near(name, names.split_whitespace()).first()?;
        return Some((reader, format!("{prefix}/{best}")));
    }
    // The prefix is misspelt, and what stands behind it is known there.
    let (best, reader, _) = READERS.iter().find(|(known, _, names)| {
        let far = strsim::damerau_levenshtein(known, prefix);
        far <= 2 && known.len() > 8 && names.split_whitespace().any(|known| known == name)
    })?;
    Some((reader, format!("{best}/{name}")))
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn near_misses_are_told_from_what_is_known_and_from_what_is_not() {
        for (key, wanted) in [
            ("cert-manager.io/cluster-isuer", "cert-manager.io/cluster-issuer"),
            ("cert-manger.io/cluster-issuer", "cert-manager.io/cluster-issuer"),
            ("argocd.argoproj.io/sync-waves", "argocd.argoproj.io/sync-wave"),
            ("nginx.ingress.kubernetes.io/proxy-body-szie", "nginx.ingress.kubernetes.io/proxy-body-size"),
        ] {
            assert_eq!(meant(key).map(|(_, meant)| meant).as_deref(), Some(wanted));
        }
        for key in [
            "cert-manager.io/cluster-issuer",
            "argocd.argoproj.io/something-new",
            "example.com/cluster-isuer",
            "prometheus.io/port",
            "note",
            "nginx.org/proxy-body-szie",
        ] {
            assert_eq!(meant(key), None, "{key}");
        }
    }
}
