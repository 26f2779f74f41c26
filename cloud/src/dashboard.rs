//! The dashboard: the page that people see, carried inside the program and served as it was built.
//!
//! Owns which file answers which address, and the headers that keep the page safe and fast. Takes a path and what the
//! browser can unpack; gives bytes. A path that is no file is a room of the page, so the page itself answers it; what
//! belongs to hubs, programs and operators is not. It knows neither the database nor who is signed in: the page asks
//! the API for everything, as any program does.

use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

/// A file of the page, and its copies packed as a browser can take them.
struct File {
    path: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/dashboard_files.rs"));

/// The page.
const PAGE: &str = "/index.html";
/// Names of files beneath this change whenever their bytes do.
const NAMED_BY_CONTENT: &str = "/assets/";
/// What is never a room of the page.
const RESERVED: [&str; 4] = ["/api", "/hub", "/metrics", "/healthz"];

/// The page runs its own files and speaks to its own address, and nobody may frame it.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What answers whatever no other route does.
pub fn routes() -> MethodRouter {
    get(|uri: Uri, headers: HeaderMap| async move { answer(uri.path(), &headers) }).fallback(|uri: Uri| async move {
        if is_reserved(uri.path()) { StatusCode::NOT_FOUND } else { StatusCode::METHOD_NOT_ALLOWED }
    })
}

fn answer(path: &str, asked: &HeaderMap) -> Response {
    if is_reserved(path) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let named = FILES.iter().find(|file| file.path == path);
    // A file of an older build must not come back as a page that is taken for a script.
    let lost = named.is_none() && path.starts_with(NAMED_BY_CONTENT);
    match named.or_else(|| FILES.iter().find(|file| file.path == PAGE)) {
        Some(file) if !lost => serve(file, asked),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn is_reserved(path: &str) -> bool {
    RESERVED.iter().any(|reserved| {
        path.strip_prefix(reserved).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn serve(file: &File, asked: &HeaderMap) -> Response {
    let packed = [("br", file.brotli), ("gzip", file.gzip)];
    let packed = packed.into_iter().filter(|(name, _)| accepts(asked, name));
    let (encoding, bytes) =
        packed.filter_map(|(name, bytes)| Some((name, bytes?))).next().unwrap_or(("identity", file.plain));
    let keep = if file.path.starts_with(NAMED_BY_CONTENT) {
        "public, max-age=31536000, immutable"
    } else if file.path == PAGE {
        "no-store"
    } else {
        "no-cache"
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if encoding != "identity" {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// Whether the browser takes this packing: it names it, and not with a weight of nothing.
fn accepts(asked: &HeaderMap, packing: &str) -> bool {
    let lists = asked.get_all(ACCEPT_ENCODING).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(packing));
        named && !parts.any(|weight| weight.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(encodings: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_str(encodings).unwrap())])
    }

    fn header(response: &Response, name: axum::http::HeaderName) -> &str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn script() -> &'static File {
        FILES.iter().find(|file| file.path.starts_with("/assets/index-") && file.path.ends_with(".js")).unwrap()
    }

    #[test]
    fn every_room_is_the_page_and_the_page_is_never_kept() {
        for path in ["/", "/index.html", "/hubs", "/units/0", "/apiary", "/hubs/x"] {
            let response = answer(path, &HeaderMap::new());
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(header(&response, CONTENT_TYPE), "text/html; charset=utf-8", "{path}");
            assert_eq!(header(&response, CACHE_CONTROL), "no-store", "{path}");
        }
    }

    #[test]
    fn what_belongs_to_others_and_what_is_gone_is_not_the_page() {
        for path in ["/api", "/api/v2/x", "/hub", "/hub/v1/x", "/metrics", "/healthz", "/assets/index-gone.js"] {
            assert_eq!(answer(path, &HeaderMap::new()).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn files_named_by_their_content_are_kept_for_ever_and_packed_as_the_browser_likes() {
        for (asked, given) in [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip", "gzip"),
            ("br;q=0, GZIP;q=0.5", "gzip"),
            ("identity", ""),
            ("brotli", ""),
        ] {
            let response = answer(script().path, &asking(asked));
            assert_eq!(header(&response, CONTENT_ENCODING), given, "{asked}");
            assert_eq!(header(&response, VARY), "accept-encoding");
            assert_eq!(header(&response, CACHE_CONTROL), "public, max-age=31536000, immutable");
            assert_eq!(header(&response, CONTENT_TYPE), "text/javascript; charset=utf-8");
        }
    }

    #[test]
    fn the_page_forbids_inline_code_frames_and_guessing() {
        let response = answer("/", &HeaderMap::new());
        let policy = header(&response, CONTENT_SECURITY_POLICY);
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&response, X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(header(&response, REFERRER_POLICY), "same-origin");
    }

    #[test]
    fn the_page_needs_nothing_inline_and_nothing_from_elsewhere() {
        let page = FILES.iter().find(|file| file.path == PAGE).unwrap();
        let text = std::str::from_utf8(page.plain).unwrap();
        for tag in text.split("<script").skip(1) {
            let opening = tag.split('>').next().unwrap_or_default();
            assert!(opening.contains("src=\"/"), "inline script: {tag}");
        }
        assert!(!text.contains("<style") && !text.contains("://"), "{text}");
    }

    #[test]
    fn what_a_first_visit_loads_is_small() {
        let packed: usize = FILES.iter().map(|file| file.brotli.unwrap_or(file.plain).len()).sum();
        assert!(packed <= 250_000, "{packed} bytes");
    }
}
