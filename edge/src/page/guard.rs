//! The guard of the page: known hosts, own origin, headers that keep other sites out.
//!
//! A name that an attacker's DNS points at the hub is no known host (421); a form on another site has another origin
//! (403). An address by number cannot be pointed elsewhere, so it is always known.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Who may ask.
pub struct Guard {
    hosts: Vec<String>,
    port: u16,
}

impl Guard {
    /// Knows these names beside loopback and addresses.
    pub fn new(hosts: &[String], address: SocketAddr) -> Self {
        Self { hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(), port: address.port() }
    }

    fn knows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        if self.hosts.contains(&host) {
            return true;
        }
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
            _ => (host.as_str(), Some(80)),
        };
        let number = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        port == Some(self.port)
            && (number || name == "localhost" || self.hosts.iter().any(|known| known == name))
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A refusal of what was not read: the connection ends with it, and says so, or its next request would be lost.
fn refused(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONNECTION, "close")], text).into_response()
}

/// Lets a request through, or refuses it.
pub async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let Some(host) =
        text(request.headers(), header::HOST).filter(|host| guard.knows(host)).map(str::to_owned)
    else {
        let text = "This hub is not known by that name. Use its address, or add the name to [page] hosts.\n";
        return refused(StatusCode::MISDIRECTED_REQUEST, text);
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    // A configured name may stand for a proxy that speaks TLS to the browser.
    let own = text(request.headers(), header::ORIGIN)
        .is_some_and(|origin| origin == format!("http://{host}") || origin == format!("https://{host}"));
    if !reads && !own {
        return refused(StatusCode::FORBIDDEN, "Changes are taken from the hub's own page only.\n");
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Same-origin forms must keep naming their origin, so "no-referrer" would be one step too far.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_loopback_and_configured_names_are_known_and_others_are_not() {
        let guard =
            Guard::new(&["Hub.Local".into(), "proxy.example:443".into()], "0.0.0.0:8080".parse().unwrap());
        for host in [
            "127.0.0.1:8080",
            "localhost:8080",
            "[::1]:8080",
            "10.1.2.3:8080",
            "hub.local:8080",
            "HUB.local",
            "proxy.example:443",
        ] {
            assert!(guard.knows(host), "{host}");
        }
        for host in [
            "evil.example:8080",
            "localhost:9",
            "hub.local.evil.example:8080",
            "",
            ":8080",
            "127.0.0.1.evil.example:8080",
        ] {
            assert!(!guard.knows(host), "{host}");
        }
    }
}
