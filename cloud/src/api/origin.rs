//! Origins: the cloud's own address as browsers see it, and where a request came from. Pure.
//!
//! A browser sends a session along with whatever any page makes it ask. A request that changes something is taken with
//! a session only if the browser says that the cloud's own page asked for it.

use axum::http::header::{HeaderName, ORIGIN};
use axum::http::{HeaderMap, Method};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who tells from which address a request came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// The connection itself.
    Connected,
    /// The proxy before it, which adds the address to `X-Forwarded-For`.
    Forwarded,
}

/// The cloud's own address as people reach it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnAddress {
    origin: String,
    peer: Peer,
}

impl OwnAddress {
    /// Of a URL that the settings have taken.
    pub fn of(url: &str, peer: Peer) -> Self {
        let url = url.to_ascii_lowercase();
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url.as_str()));
        let host = rest.split('/').next().unwrap_or(rest);
        // A browser leaves the usual port out.
        let usual = if scheme == "https" { ":443" } else { ":80" };
        Self { origin: format!("{scheme}://{}", host.strip_suffix(usual).unwrap_or(host)), peer }
    }

    /// Whether people reach it over TLS.
    pub fn is_secure(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// Whether a request with a session may be taken: it changes nothing, or the cloud's own page asked for it.
    pub fn takes(&self, method: &Method, headers: &HeaderMap) -> bool {
        let is_own = || {
            self.says(headers)
                .unwrap_or_else(|| headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin"))
        };
        method.is_safe() || is_own()
    }

    /// Whether a request that needs no session comes from another's page. A program says nothing about pages.
    pub fn is_foreign(&self, headers: &HeaderMap) -> bool {
        let is_of_another =
            || headers.get(SEC_FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none");
        self.says(headers).map_or_else(is_of_another, |is_own| !is_own)
    }

    /// What `Origin` says, if it is there.
    fn says(&self, headers: &HeaderMap) -> Option<bool> {
        let mut given = headers.get_all(ORIGIN).iter();
        let only = given.next()?;
        Some(given.next().is_none() && only.as_bytes() == self.origin.as_bytes())
    }

    /// The address that a request came from; nobody's, if it cannot be told.
    pub fn peer(&self, connected: Option<SocketAddr>, headers: &HeaderMap) -> IpAddr {
        let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let connected = connected.map_or(nobody, |address| address.ip());
        // The proxy adds its word behind whatever the other side has claimed.
        let forwarded = || {
            let last = headers.get_all(FORWARDED_FOR).iter().next_back()?;
            last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
        };
        match self.peer {
            Peer::Connected => connected,
            Peer::Forwarded => forwarded().unwrap_or(connected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn own() -> OwnAddress {
        OwnAddress::of("https://Cloud.Example:443/", Peer::Connected)
    }

    #[test]
    fn a_change_is_taken_from_the_own_page_alone() {
        let post = |pairs: &[(&'static str, &str)]| own().takes(&Method::POST, &headers(pairs));
        assert!(post(&[("origin", "https://cloud.example")]));
        assert!(post(&[("sec-fetch-site", "same-origin")]));
        assert!(post(&[("origin", "https://cloud.example"), ("sec-fetch-site", "same-origin")]));
        for foreign in [
            &[][..],
            &[("origin", "https://evil.example")],
            &[("origin", "http://cloud.example")],
            &[("origin", "https://cloud.example:444")],
            &[("origin", "https://cloud.example.evil.example")],
            &[("origin", "null")],
            &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
            &[("origin", "https://cloud.example"), ("origin", "https://evil.example")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(!post(foreign), "{foreign:?}");
        }
        assert!(own().takes(&Method::GET, &headers(&[("origin", "https://evil.example")])));
        assert!(!own().takes(&Method::DELETE, &headers(&[])));
        assert!(!own().takes(&Method::PATCH, &headers(&[])));
    }

    #[test]
    fn without_a_session_only_a_foreign_page_is_refused() {
        assert!(!own().is_foreign(&headers(&[])), "a program");
        assert!(!own().is_foreign(&headers(&[("origin", "https://cloud.example")])));
        assert!(own().is_foreign(&headers(&[("origin", "https://evil.example")])));
        assert!(own().is_foreign(&headers(&[("sec-fetch-site", "cross-site")])));
    }

    #[test]
    fn an_origin_has_no_path_and_no_usual_port() {
        let origin = |url| OwnAddress::of(url, Peer::Connected).origin;
        assert_eq!(origin("https://cloud.example/base/"), "https://cloud.example");
        assert_eq!(origin("http://127.0.0.1:8700"), "http://127.0.0.1:8700");
        assert_eq!(origin("http://cloud.example:80"), "http://cloud.example");
        assert_eq!(origin("https://[::1]:8443/x"), "https://[::1]:8443");
    }

    #[test]
    fn the_address_is_the_connection_s_or_the_last_that_the_proxy_tells() {
        let connected = Some(SocketAddr::from(([192, 0, 2, 9], 1)));
        let claimed = headers(&[("x-forwarded-for", "198.51.100.1, 203.0.113.7")]);
        let of = |peer, headers: &HeaderMap| {
            OwnAddress::of("http://cloud.example", peer).peer(connected, headers).to_string()
        };
        assert_eq!(of(Peer::Connected, &claimed), "192.0.2.9");
        assert_eq!(of(Peer::Forwarded, &claimed), "203.0.113.7");
        assert_eq!(of(Peer::Forwarded, &headers(&[("x-forwarded-for", "unknown")])), "192.0.2.9");
    }
}
